"""Virtual time, which passes only from one thing that is due to the next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from math import inf


class Clock:
    """What is due at the same time happens in the order in which it was asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    @property
    def next_time(self) -> float:
        """When something is due; infinite if nothing is."""
        return self._due[0][0] if self._due else inf

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (max(time, self.now), next(self._order), action))

    def step(self) -> None:
        """Let the next thing happen."""
        self.now, _, action = heapq.heappop(self._due)
        action()
