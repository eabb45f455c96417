"""The processor time of processes that a program leaves behind when it ends.

A process that nobody has waited for is in nobody's figures. vidproc-run's fork server, and with it all slots that it
has waited for, ends by itself just after the program. As Linux's "child subreaper" we become the parent of such
processes, can wait for them, and learn what they took. Elsewhere they are missed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(slots=True)
class Orphans:
    """cpu_s: of all that were waited for, known at the end of `adopted`."""

    cpu_s: float = 0.0


@contextlib.contextmanager
def adopted() -> Iterator[Orphans]:
    """At its end, wait for processes that became ours in it. Whatever is started in it must be waited for in it."""
    orphans, before = Orphans(), _children()
    _adopt(True)
    try:
        yield orphans
        for pid in _children() - before:
            _, _, used = os.wait4(pid, 0)
            orphans.cpu_s += used.ru_utime + used.ru_stime
    finally:
        _adopt(False)


def _adopt(whether: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0)


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
