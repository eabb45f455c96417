"""Whether whoever an answer goes to takes any of it."""

from __future__ import annotations

import asyncio

_LOOKS = 10
"""Without anything taken, in the time that there is for that."""


class SendingWatch:
    """`begin` when bytes wait for the other side of `transport`, `end` when none do any more. Who takes none of them
    for `timeout_s` seconds is cut off."""

    def __init__(self, transport: asyncio.Transport, timeout_s: float) -> None:
        self._transport = transport
        self._look_every_s = timeout_s / _LOOKS
        self._unsent = self._looks = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._unsent, self._looks = self._transport.get_write_buffer_size(), 0
        self._wait()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_every_s, self._look)

    def _look(self) -> None:
        before, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        self._looks = self._looks + 1 if self._unsent >= before else 0
        if self._looks >= _LOOKS:
            self._transport.abort()
        else:
            self._wait()
