"""Two ways to say what a workload takes, each a number that a machine's other work hardly changes."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.guard.workloads import MARK
from benchmarks.machine import cpuinfo
from benchmarks.usage import ROOT

_PACKAGES = ("av", "opencv-python-headless", "numpy", "msgpack", "msgspec")
_STARTS, _TURNS = 5, 5

_SUMMARY = re.compile(r"^summary: (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Method:
    """unit: of its figures. measure: (workload, folder) -> figure. tolerance: a larger growth is none by chance.
    processor: what its figures depend on, as /proc/cpuinfo calls it.
    """

    name: str
    unit: str
    measure: Callable[[str, Path], float]
    tolerance: float
    processor: str


def instructions(name: str, folder: Path) -> float:
    """Millions that the work takes, by callgrind. Raises `subprocess.CalledProcessError`."""
    counted = folder / "callgrind.out"
    _run(_workload(name, folder))  # so that Python has compiled all that is imported
    tool = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={counted}", f"--zero-before={MARK}"]
    _run([*tool, *_workload(name, folder)])
    (found,) = _SUMMARY.findall(counted.read_text(errors="replace"))
    return int(found) / 1e6


def ratio(name: str, folder: Path) -> float:
    """Processor time in calibration loops: the median of some processes' medians. Raises as `instructions` does."""
    return median(_median_of_turns(name, folder) for _ in range(_STARTS))


def _median_of_turns(name: str, folder: Path) -> float:
    turns = json.loads(_run([*_workload(name, folder), "--turns", str(_TURNS)]))
    found: float = median(work / calibration for calibration, work in turns)
    return found


# Measured with a load of 6 on two cores: counts differed by up to 0.03 % from run to run, ratios by up to 20 %.
CALLGRIND = Method("callgrind", "million instructions", instructions, 0.02, "vendor_id")
RATIO = Method("cpu", "calibration loops", ratio, 0.30, "model name")


def best() -> Method:
    """Counting, where valgrind is installed."""
    return CALLGRIND if shutil.which("valgrind") else RATIO


def surroundings(method: Method) -> str:
    """What figures depend on beside vidproc: those of other surroundings can't be compared."""
    packages = [f"{name} {version(name)}" for name in _PACKAGES]
    processor = cpuinfo(method.processor) or platform.processor()
    return ", ".join([method.name, f"python {platform.python_version()}", platform.machine(), processor, *packages])


def _workload(name: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.guard.workloads", name, str(folder)]


def _run(command: Sequence[str]) -> str:
    """With hashes that are the same each time, and what is compiled kept for the next."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **fixed}, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
