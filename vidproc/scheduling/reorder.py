"""The reorder buffer: results come in any order and leave in order of their index, one at a time.

It is a sliding window, like a TCP receiver's: only indices in [next, next + capacity) may be worked on or wait here.
So what waits is bounded, and the lowest index that has not left is always inside, which is why it cannot deadlock.
"""

from __future__ import annotations


class ReorderBuffer:
    """`add` what is ready, `take` what may leave, `confirm` what has left. Indices count from 0, without gaps."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a reorder buffer needs room for at least one, not {capacity}")
        self.capacity = capacity
        self.next = 0
        self._ready: set[int] = set()
        self._leaving = False

    @property
    def limit(self) -> int:
        """The first index that is still outside the window."""
        return self.next + self.capacity

    @property
    def held(self) -> int:
        """How many are ready and have not left."""
        return len(self._ready)

    def add(self, index: int) -> None:
        """Raises `ValueError` for an index outside the window, or one that is here already."""
        if not self.next <= index < self.limit or index in self._ready:
            raise ValueError(f"{index} is not awaited: the window is [{self.next}, {self.limit})")
        self._ready.add(index)

    def take(self) -> int | None:
        """The next index, if it is ready and the one before it was confirmed."""
        if self._leaving or self.next not in self._ready:
            return None
        self._leaving = True
        return self.next

    def confirm(self, index: int) -> None:
        """`index`, which `take` gave, has left; the window moves on. Raises `ValueError` for any other."""
        if not self._leaving or index != self.next:
            raise ValueError(f"{index} was not handed out")
        self._ready.remove(index)
        self._leaving = False
        self.next += 1
