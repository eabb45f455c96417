"""A connection between a daemon and the coordinator: in each direction in order, each message with its own delay.

It may be cut, so that what is on its way is lost and the ends learn of it at different times; and it may be held, as by
a partition, so that what is on its way arrives late or, when an end has given up meanwhile, never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tests.simulation.nature import SILENCE_S, Nature


class End:
    """One end. `receive` gets what the other sends, `closed` is called once, when nothing will come any more."""

    def __init__(self, line: Line) -> None:
        self.open = True
        self.receive: Callable[[Any], None]
        self.closed: Callable[[], None]
        self.peer: End
        self._line = line
        self._free_at = 0.0
        self._held: deque[Callable[[], None]] = deque()

    def send(self, message: object) -> None:
        if self.open:
            self.peer._arrive_later(lambda: self.peer.receive(message))

    def leave(self) -> None:
        """Close this end; the other learns of it behind all that was sent before."""
        if self.open:
            self.peer._arrive_later(self.peer.end)
            self.open = False

    def end(self) -> None:
        """Nothing comes here from now on."""
        if self.open:
            self.open = False
            self.closed()

    def give_up(self) -> None:
        """Nothing was heard here for too long."""
        if self.open:
            self.leave()
            self.closed()

    def release(self) -> None:
        """What a partition held is here, before all that comes behind it."""
        while self._held:
            self._arrive(self._held.popleft())

    def _arrive_later(self, action: Callable[[], None]) -> None:
        nature = self._line.nature
        self._free_at = max(self._free_at, nature.now + nature.about(nature.latency))
        nature.clock.at(self._free_at, lambda: self._arrive(action))

    def _arrive(self, action: Callable[[], None]) -> None:
        if not self.open or self._line.cut_off:
            return
        if self._line.held:
            self._held.append(action)
        else:
            action()


class Line:
    """`near` is the coordinator's end, `far` the daemon's."""

    def __init__(self, nature: Nature) -> None:
        self.nature = nature
        self.near, self.far = End(self), End(self)
        self.near.peer, self.far.peer = self.far, self.near
        self.cut_off = False
        self.held = False

    def cut(self) -> None:
        """Each end learns of it at once or, as far as its kernel knows, when it has heard nothing for too long."""
        self.cut_off = True
        for end in (self.near, self.far):
            self.nature.after(self._noticed_after(), end.end)

    def hold(self, seconds: float) -> None:
        """A partition of so many seconds; an end that hears nothing for too long gives up."""
        self.held = True
        for end in (self.near, self.far):
            patience = SILENCE_S * self.nature.rng.uniform(0.9, 1.3)
            if patience < seconds:
                self.nature.after(patience, end.give_up)
        self.nature.after(seconds, self._heal)

    def _heal(self) -> None:
        self.held = False
        for end in (self.near, self.far):
            end.release()

    def _noticed_after(self) -> float:
        return 0.0 if self.nature.happens(0.7) else self.nature.rng.uniform(0.0, SILENCE_S)
