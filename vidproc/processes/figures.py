"""What a family of processes uses: processor time and memory, by psutil."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

import psutil

_EVERY_S = 1.0


class Figures:
    """Processor use and resident memory of this process and those named; looked up once a second."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}
        self._looked_at = float("-inf")
        self._latest = (0.0, 0.0)

    def of(self, pids: Iterable[int]) -> tuple[float, float]:
        """(percent of one core, MiB)."""
        now = time.monotonic()
        if now - self._looked_at >= _EVERY_S:
            self._looked_at = now
            self._latest = self._look({psutil.Process().pid, *pids})
        return self._latest

    def _look(self, pids: set[int]) -> tuple[float, float]:
        percent = memory = 0.0
        for pid in pids - {0}:
            with contextlib.suppress(psutil.Error):
                process = self._known.setdefault(pid, psutil.Process(pid))
                percent += process.cpu_percent()
                memory += process.memory_info().rss / 2**20
        self._known = {pid: process for pid, process in self._known.items() if pid in pids}
        return percent, memory
