"""A histogram of times with logarithmic buckets: small, mergeable, and wrong by at most 2 %.

Bucket i holds the times in [g^i, g^(i+1)) microseconds, with g = 1.04, and answers with the geometric middle of that,
which is off by a factor of at most sqrt(g) = 1.0198. Adding two histograms bucket by bucket gives exactly the
histogram of both, so slots count for themselves and only counts travel. The idea is DDSketch's: Masson, Rim and Lee,
"DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

GROWTH = 1.04
UNIT = 1e-6
"""Seconds; shorter times count as this."""
BUCKETS = 640
"""Enough for 22 hours; longer times count as that."""
RELATIVE_ERROR = math.sqrt(GROWTH) - 1.0
"""Bound of the error of a percentile, for times between `UNIT` and the last bucket's end."""

_LOG_GROWTH = math.log(GROWTH)


class Histogram:
    """Counts of times by bucket."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """Start from counts made elsewhere. Raises `ValueError` if they are not counts of buckets."""
        self._counts: Counter[int] = Counter()
        if counts is not None:
            self.merge(counts)

    @property
    def counts(self) -> dict[int, int]:
        """Times seen by bucket, for the way to another process."""
        return dict(self._counts)

    @property
    def total(self) -> int:
        """How many times were added."""
        return self._counts.total()

    def add(self, seconds: float) -> None:
        """Raises `ValueError` for a time that is negative or not finite."""
        self._counts[_bucket(seconds)] += 1

    def merge(self, counts: Mapping[int, int]) -> None:
        """Add the counts of another histogram. Raises `ValueError`, and adds none, if they are not counts."""
        for bucket, count in counts.items():
            if not 0 <= bucket < BUCKETS or count < 0:
                raise ValueError(f"not a count of a histogram: {count} in bucket {bucket}")
        self._counts.update(counts)

    @property
    def sum(self) -> float:
        """Seconds of all times together, each taken for the middle of its bucket."""
        return sum(count * _middle(bucket) for bucket, count in self._counts.items())

    def up_to(self, bounds: Sequence[float]) -> list[int]:
        """How many times were at most so many seconds, for each of the `bounds`, which rise; each time taken for the
        middle of its bucket."""
        found, seen, left = [], 0, sorted(self._counts.items())[::-1]
        for bound in bounds:
            while left and _middle(left[-1][0]) <= bound:
                seen += left.pop()[1]
            found.append(seen)
        return found

    def percentile(self, percent: float) -> float:
        """Seconds that `percent` (0 to 100) of the times do not exceed (nearest rank); 0.0 if there are none."""
        if not 0 <= percent <= 100:
            raise ValueError(f"a percentile lies between 0 and 100, not at {percent}")
        wanted = max(1, math.ceil(self.total * percent / 100))
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return _middle(bucket)
        return 0.0


def _bucket(seconds: float) -> int:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"not a length of time: {seconds}")
    if seconds <= UNIT:
        return 0
    return min(BUCKETS - 1, int(math.log(seconds / UNIT) / _LOG_GROWTH))


def _middle(bucket: int) -> float:
    return float(UNIT * GROWTH ** (bucket + 0.5))
