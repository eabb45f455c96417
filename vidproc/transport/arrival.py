"""What a session receives, and the bounded queue where it waits to be taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from vidproc.protocol.messages import Message
from vidproc.transport.wire import close_fds

_OBJECT_BYTES = 512
"""Roughly what a message's objects take, so that many small ones count too."""

_DESCRIPTOR_BYTES = 2**16
"""What a descriptor counts for: a process has few of them, and all its connections share those."""


class Descriptors:
    """File descriptors that came with a message; whoever takes them must close them."""

    def __init__(self, fds: Sequence[int] = ()) -> None:
        self._fds = tuple(fds)

    def __len__(self) -> int:
        return len(self._fds)

    def take(self) -> tuple[int, ...]:
        fds, self._fds = self._fds, ()
        return fds

    def close(self) -> None:
        close_fds(self.take())


class Arrival(NamedTuple):
    """A message, its payload (empty for most) and its descriptors, which the session's next `receive` closes unless
    they were taken."""

    message: Message
    payload: bytes
    fds: Descriptors


class Inbox:
    """Arrivals in order. Full from `high` bytes until it has sunk to `low`; then nobody should put more in."""

    def __init__(self, high: int, low: int) -> None:
        self.full = False
        self._high = high
        self._low = low
        self._size = 0
        self._arrivals: deque[Arrival] = deque()

    def __len__(self) -> int:
        return len(self._arrivals)

    def put(self, arrival: Arrival) -> None:
        self._arrivals.append(arrival)
        self._size += _weight(arrival)
        self.full = self.full or self._size >= self._high

    def take(self) -> Arrival:
        arrival = self._arrivals.popleft()
        self._size -= _weight(arrival)
        self.full = self.full and self._size > self._low
        return arrival

    def clear(self) -> None:
        while self._arrivals:
            self.take().fds.close()


def _weight(arrival: Arrival) -> int:
    """The same as long as it lies here."""
    return len(arrival.payload) + _OBJECT_BYTES + len(arrival.fds) * _DESCRIPTOR_BYTES
