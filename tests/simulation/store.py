"""What is on disk. A write counts from its commit on, a while after it was asked for; a crash loses the others."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.nature import Nature
from tests.simulation.orders import Made, Order


class Store:
    """`orders` are the jobs that were accepted, `ends` what became of them, `results` what is kept of each."""

    def __init__(self, nature: Nature) -> None:
        self.orders: dict[str, Order] = {}
        self.ends: dict[str, str] = {}
        self.results: dict[str, dict[int, Made]] = {}
        self._nature = nature
        self._boot = 0
        self._free_at = 0.0

    def write(self, change: Callable[[], object], done: Callable[[], object], failed: Callable[[], object]) -> None:
        """One after the other; between the commit and the answer there is room for a crash."""
        boot, nature = self._boot, self._nature
        self._free_at = max(self._free_at, nature.now + nature.about(nature.writing))

        def commit() -> None:
            if boot != self._boot:
                return
            if nature.happens(nature.weather.unwritten):
                failed()
            else:
                change()
                nature.after(nature.about(nature.writing), lambda: done() if boot == self._boot else None)

        nature.clock.at(self._free_at, commit)

    def surely(self, change: Callable[[], object], done: Callable[[], object]) -> None:
        """A write that is tried until it is there."""
        self.write(change, done, lambda: self.surely(change, done))

    def crash(self) -> None:
        self._boot += 1
        self._free_at = 0.0
