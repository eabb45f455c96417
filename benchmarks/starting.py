"""How long a program takes to say how it is used: what its user waits for before anything happens."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.cluster import BIN


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of `--help`, the least and the median of several."""

    program: str
    least: float
    median: float


def measure(program: str, times: int = 10) -> Start:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([str(BIN / program), "--help"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return Start(program, min(taken), median(taken))
