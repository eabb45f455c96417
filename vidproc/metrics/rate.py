"""How fast something goes right now."""

from __future__ import annotations

import math


class RateMeter:
    """Things a second, as an exponentially weighted average over about the last `window` seconds.

    What happened t seconds ago weighs exp(-t / window). The sum is divided by the weight of the time since the start,
    so the first figures are not too low. Lumps (a chunk of frames at once) may be added as they come.
    """

    def __init__(self, window: float, now: float) -> None:
        if window <= 0:
            raise ValueError(f"a rate needs a window longer than {window} s")
        self._window = window
        self._start = now
        self._at = now
        self._sum = 0.0

    def add(self, amount: float, now: float) -> None:
        """`amount` things have happened by `now`."""
        self._sum = self._decayed(now) + amount
        self._at = now

    def rate(self, now: float) -> float:
        """Things a second; 0.0 at the very start."""
        weight = -math.expm1((self._start - now) / self._window) * self._window
        return self._decayed(now) / weight if weight > 0 else 0.0

    def _decayed(self, now: float) -> float:
        return self._sum * math.exp((self._at - now) / self._window)
