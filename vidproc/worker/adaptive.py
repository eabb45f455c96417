"""The rate limit of a daemon whose machine has other work too (`--rate-limit adaptive`).

Additive increase, multiplicative decrease (Chiu, Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
Avoidance", 1989), as TCP does it: while others want the cores and none idles, the limit sinks by a part of itself at
each look; else it rises by a step, until there is none. Cores that are busy with this daemon's slots alone are as they
should be. So the daemon takes what others leave, and always a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

_OTHERS = 0.1
"""The part of the cores that others must use to count."""
_IDLE = 0.05
"""With more than this idle nobody is in anybody's way."""
_DECREASE = 0.7
_STEPS = 20
"""From next to nothing to the highest rate; the last step is the least limit, too."""


@dataclass(frozen=True, slots=True)
class Load:
    """Parts of the usable cores' time: what processes that are not ours used, and what nobody used."""

    others: float
    idle: float

    @property
    def contended(self) -> bool:
        return self.others > _OTHERS and self.idle < _IDLE


@dataclass(frozen=True, slots=True)
class Steering:
    """`limit` is in frames/s, infinite for none; `highest` is the highest rate that was seen."""

    limit: float = inf
    highest: float = 0.0

    def after(self, load: Load, rate: float) -> Steering:
        """A second later: `rate` frames/s were done under that load."""
        highest = max(self.highest, rate)
        step = highest / _STEPS
        if not highest:  # nothing was done yet, so it was not we who were in the way
            return self
        if load.contended:
            return Steering(max(step, min(self.limit, highest) * _DECREASE), highest)
        limit = self.limit + step
        return Steering(limit if limit < highest else inf, highest)
