"""How far into the source the frames of a result reach: what a chain of filters looks at and remembers, as numbers.

The numbers travel to whoever plans chunks or decodes, so that neither need know the filters.
"""

from __future__ import annotations

from msgspec import Struct


class ReachStep(Struct, frozen=True):
    """One step of a chain: it works from the last multiple of `every` on, and looks from each frame that it works on
    at those from `before` to `after`, before <= 0 <= after."""

    before: int = 0
    after: int = 0
    every: int = 1


class Reach(Struct, frozen=True):
    """The steps of a chain, in order.

    What it says holds within a continuity segment: its first frame is a beginning like any multiple of `every`, and
    beyond its ends there is nothing to look at. So whoever uses `first` and `last` cuts them there.
    """

    steps: tuple[ReachStep, ...] = ()

    def first(self, start: int) -> int:
        """The first rank of the source that is needed for the results from rank `start` on; it may be negative."""
        for step in reversed(self.steps):
            start += step.before - start % step.every
        return start

    def last(self, stop: int) -> int:
        """The rank behind the last one of the source that is needed for the results before rank `stop`."""
        return stop + sum(step.after for step in self.steps)

    @property
    def period(self) -> int:
        """At multiples of it a chunk begins with the least before it, near enough: the longest `every`."""
        return max((step.every for step in self.steps), default=1)


NO_REACH = Reach()
"""Each frame of the result depends on one of the source."""
