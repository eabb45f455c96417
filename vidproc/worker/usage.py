"""What a daemon and its slots take of their machine, for those who look on."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import psutil

from vidproc.worker.slot import Slot


class Usage:
    """`look` now and then; what it gives is over the time since the last look."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._cpu: dict[int, float] = {}
        self._looked_at = time.monotonic()

    def look(self) -> tuple[float, float]:
        """Percent of one core, and MiB that are resident, of the daemon and its slots together."""
        before, self._cpu = self._cpu, {}
        now = time.monotonic()
        elapsed, self._looked_at = now - self._looked_at, now
        held = sum(self._note(pid) for pid in [os.getpid(), *(slot.pid for slot in self._slots if slot.pid)])
        spent = sum(cpu_s - before[pid] for pid, cpu_s in self._cpu.items() if pid in before)
        return 100 * spent / elapsed if elapsed > 0 else 0.0, held / 2**20

    def _note(self, pid: int) -> int:
        """Its bytes in memory; 0 of one that is gone."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
        except psutil.Error:
            return 0
        self._cpu[pid] = times.user + times.system
        return int(memory.rss)
