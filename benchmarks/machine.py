"""What a measurement was made on, since its figures mean nothing without."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.subjects import ffmpeg_program
from benchmarks.usage import ROOT
from vidproc._version import __version__
from vidproc.cores import usable_cores
from vidproc.media import ffmpeg

_TELLING = ("sse4_2", "avx2", "avx512f", "asimd", "sve", "hypervisor")
"""Features of a processor that decide which code runs, and whether it is another machine's guest."""


def describe() -> dict[str, Any]:
    """The processor, the memory, how busy they are just now, and the versions of all that computes."""
    return {
        "processor": cpuinfo("model name") or platform.processor(),
        "features": [word for word in _TELLING if word in _features()],
        "cores": usable_cores(),
        "cores_of_machine": os.cpu_count(),
        "mhz": _mhz(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "measured": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "versions": {
            "vidproc": __version__,
            "python": platform.python_version(),
            "av": version("av"),
            "libav": ffmpeg.VERSION,
            "opencv": version("opencv-python-headless"),
            "numpy": version("numpy"),
            "ffmpeg": _ffmpeg_version(),
        },
    }


def _features() -> list[str]:
    return (cpuinfo("flags") or cpuinfo("Features")).split()


def cpuinfo(field: str) -> str:
    """What Linux says of the first core, "" where it doesn't."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _mhz() -> float | None:
    """As the system says, which guests often aren't told."""
    said = psutil.cpu_freq()
    return round(said.max or said.current, 0) if said else None


def _commit() -> str:
    """Of the tree that is measured, with a `+` if it was changed since; "" outside a repository."""
    head = _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "vidproc", "benchmarks")
    return head + "+" * bool(head and changed)


def _ffmpeg_version() -> str:
    """What the `ffmpeg` program calls itself, "" if there is none."""
    program = ffmpeg_program()
    said = _said(program, "-version") if program else ""
    return said.partition("\n")[0].removeprefix("ffmpeg version ").partition(" ")[0]


def _said(*command: str) -> str:
    """What a program prints, "" if it fails or isn't there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
