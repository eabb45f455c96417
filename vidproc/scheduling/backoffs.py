"""Chunks that rest after a failure, by the time when their rest ends."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from math import inf


class Backoffs:
    def __init__(self) -> None:
        self._heap: list[tuple[float, str, int]] = []

    @property
    def next_end(self) -> float:
        """Infinite if there is none."""
        return self._heap[0][0] if self._heap else inf

    def add(self, until: float, job: str, chunk: int) -> None:
        heappush(self._heap, (until, job, chunk))

    def end(self, now: float) -> Iterator[tuple[str, int]]:
        """Those whose rest has ended, the first one first; they are forgotten here."""
        while self.next_end <= now:
            _, job, chunk = heappop(self._heap)
            yield job, chunk

    def forget(self, job: str) -> None:
        self._heap = [rest for rest in self._heap if rest[1] != job]
        heapify(self._heap)
