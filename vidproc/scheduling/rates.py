"""A token bucket that may go into debt.

A chunk's frames are not known to the frame when it is due, and a chunk may well hold more frames than a second's worth
of tokens. So work may start whenever the bucket is not in debt, and pays for all its frames at once; what it lacks is
waited for before the next start. Over time the rate is exact, whatever the size of the chunks.
"""

from __future__ import annotations

_TOLERANCE = 1e-3
"""Frames of debt that count as none: sums of floats must not make a waker wake for nothing."""


class TokenBucket:
    """`rate` tokens a second, at most `burst` seconds' worth saved up; a rate of 0 is no limit. Starts full."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        if rate < 0 or burst <= 0:
            raise ValueError(f"not a rate limit: {rate} a second with a burst of {burst} s")
        self.rate = rate
        self._burst = burst
        self._tokens = rate * burst
        self._at = now

    def change(self, rate: float, now: float) -> None:
        """Another rate from now on. Debts stay; what is saved up is bounded anew."""
        self._tokens, self._at, self.rate = self._level(now), now, rate

    def ready_at(self, now: float) -> float:
        """When work may start: `now` if it may at once."""
        debt = -self._level(now)
        return now + debt / self.rate if self.rate and debt > _TOLERANCE else now

    def spend(self, tokens: float, now: float) -> None:
        """Pay for work that starts now."""
        if self.rate:
            self._tokens = self._level(now) - tokens
            self._at = now

    def _level(self, now: float) -> float:
        return min(self.rate * self._burst, self._tokens + (now - self._at) * self.rate)
