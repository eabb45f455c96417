"""What a program takes: wall time, processor time, memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from benchmarks.orphans import adopted

ROOT = Path(__file__).parents[1]

_LOOK_S = 0.05
_GROWTH = 1.02


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one program with all that it started, in seconds; and what it said."""

    seconds: float
    cpu_s: float
    said: str


def run(command: Sequence[str], watch: MemoryWatch | None = None) -> Usage:
    """Raises `subprocess.CalledProcessError` when it fails."""
    with adopted() as orphans, tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said)
        if watch is not None:
            watch.add(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    return Usage(seconds, used.ru_utime + used.ru_stime + orphans.cpu_s, text)


def turns(pid: int) -> tuple[float, float]:
    """Seconds that a process' main thread has had a processor, and waited for one (Linux's schedstats), which does not
    go by ticks."""
    had, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(had) / 1e9, int(waited) / 1e9


def cpu_seconds(parent: psutil.Process) -> float:
    """Of a running program and all its processes; of ended ones too, which are in the time of whoever waited."""
    seconds = 0.0
    for process in _family(parent):
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])
    return seconds


@dataclass(slots=True)
class MemoryWatch:
    """The highest memory of some programs with all their processes, while this is entered.

    Pages that processes share are counted once: the kernel's proportional set size, summed up. That is dear to ask for,
    so resident sets are looked at 20 times a second, and only when they have grown by a fiftieth the others are.
    """

    roots: list[psutil.Process] = field(default_factory=list)
    highest_mb: float = 0.0
    _resident: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def add(self, pid: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self.roots.append(psutil.Process(pid))

    def __enter__(self) -> MemoryWatch:
        self._thread = threading.Thread(target=self._watch, name="memory watch")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        everyone = [process for root in list(self.roots) for process in _family(root)]
        resident = sum(_of_each(everyone, lambda it: it.memory_info().rss))
        if resident > self._resident * _GROWTH:
            self._resident = resident
            proportional = sum(_of_each(everyone, lambda it: it.memory_full_info().pss))
            self.highest_mb = max(self.highest_mb, proportional / 2**20)


def _family(parent: psutil.Process) -> list[psutil.Process]:
    try:
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _of_each(processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], int]) -> Iterator[int]:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            yield ask(process)
