"""What the cores that a daemon may use are busy with: its own processes, others, or nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping

import psutil

from vidproc.worker.adaptive import Load


class MachineLoad:
    """`look` again and again; each time tells of the time since the last."""

    def __init__(self) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        self._at = time.monotonic()
        self._idle = self._idle_s()
        self._own: Mapping[int, float] = {}

    def look(self, own: Iterable[int]) -> Load:
        """`own` are the daemon's processes; of one that is new here all counts that it has used."""
        at, idle, used = time.monotonic(), self._idle_s(), {pid: _cpu_s(pid) for pid in own}
        time_s = max(1e-3, (at - self._at) * len(self._cores))
        idle_part = min(1.0, max(0.0, idle - self._idle) / time_s)
        ours = sum(max(0.0, used[pid] - self._own.get(pid, 0.0)) for pid in used)
        self._at, self._idle, self._own = at, idle, used
        return Load(others=min(1.0, max(0.0, 1.0 - idle_part - ours / time_s)), idle=idle_part)

    def _idle_s(self) -> float:
        """Seconds that these cores have idled, waiting for disks included."""
        cores = psutil.cpu_times(percpu=True)
        return sum(cores[n].idle + getattr(cores[n], "iowait", 0.0) for n in self._cores if n < len(cores))


def _cpu_s(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system
