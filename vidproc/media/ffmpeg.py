"""FFmpeg as a whole: its version, its voice, and its way to say that memory is short."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

VERSION: str = av.ffmpeg_version_info
OUT_OF_MEMORY = (MemoryError, av.error.MemoryError)


def room() -> float:
    """Bytes of address space that this process may still take; infinite where nothing limits it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return math.inf
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])  # see proc_pid_statm(5)
    return limit - pages * resource.getpagesize()


def silence() -> None:
    """Keep FFmpeg from writing to standard error; what matters comes as exceptions.

    Its log callback needs Python's lock and has deadlocked with its own threads (https://github.com/PyAV-Org/PyAV/issues/751).
    """
    av.logging.set_level(None)
    os.environ["SVT_LOG"] = "0"  # SVT-AV1 writes there by itself, unless only fatal errors are asked for


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """To open an encoder in. SVT-AV1 makes the thread that opens it and those that it starts real-time ones where it
    may, as it may for root; whatever is started later inherits that, and what is busy then leaves nothing to others."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in _threads():
            if os.sched_getscheduler(thread) != policy:
                os.sched_setscheduler(thread, policy, parameters)


def _threads() -> list[int]:
    """Of this process. None but the caller's where the system doesn't list them."""
    tasks = Path("/proc/self/task")
    return [int(each.name) for each in tasks.iterdir()] if tasks.is_dir() else [0]
