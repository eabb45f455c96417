"""What a measurement was made on, since its figures mean nothing without."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.subjects import ffmpeg_program
from vidproc._version import __version__
from vidproc.cores import usable_cores
from vidproc.media import ffmpeg


def describe() -> dict[str, Any]:
    """The processor, the memory, how busy they are just now, and the versions of all that computes."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "cores_of_machine": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _ffmpeg_version() -> str:
    """What the `ffmpeg` program calls itself, "" if there is none."""
    program = ffmpeg_program()
    if program is None:
        return ""
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0].removeprefix("ffmpeg version ").partition(" ")[0]
