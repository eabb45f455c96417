"""What a test may leave behind: nothing.

`Belongings.now()` takes stock of what this process holds: descriptors, threads, descendant processes, blocks of shared
memory and temporary files. `left_since` compares two such lists. Two things look like leaks and are not: the servers
that `multiprocessing` starts once and keeps (the fork server and the resource tracker), and what the garbage collector
frees as soon as it runs, since a cycle through a traceback is common and harmless.

A process that a test killed leaves orphans, which are nobody's descendants any more. They are found by a mark in their
environment, which all that this process starts inherit.

Other programs use /dev/shm too, so a new block there is ours only if no process outside our own tree maps it. For
temporary files a run of tests has a folder of its own, which all that it starts inherit.
"""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import psutil
import pytest

from vidproc import scratch

SHARED_MEMORY = Path("/dev/shm")
MARK = "TEST_RUN_OF_VIDPROC"


@dataclass(frozen=True)
class Belongings:
    """What this process holds at one moment, each as a set of things that can be named in a message.

    `running`: the numbers of all processes of the system. To find out whose they are takes milliseconds, and is done of
    those alone that have come since.
    """

    descriptors: frozenset[tuple[int, str]]
    threads: frozenset[threading.Thread]
    running: frozenset[int]
    blocks: frozenset[str]
    files: frozenset[str]

    @classmethod
    def now(cls) -> Belongings:
        return cls(
            descriptors=frozenset(_descriptors()),
            threads=frozenset(thread for thread in threading.enumerate() if thread.is_alive()),
            running=frozenset(psutil.pids()),
            blocks=frozenset(os.listdir(SHARED_MEMORY)),
            files=frozenset(os.listdir(tempfile.gettempdir())),
        )

    def left_since(self, before: Belongings) -> list[str]:
        """One line for each thing held now that was not held `before`."""
        return [
            *(f"descriptor {number}: {target}" for number, target in sorted(self.descriptors - before.descriptors)),
            *(f"thread {thread.name}" for thread in self.threads - before.threads),
            *(f"process {_describe(process)}" for process in self._processes_left(before)),
            *(f"shared memory {name}" for name in sorted(self.blocks - before.blocks) if not _used_elsewhere(name)),
            *(f"temporary file {name}" for name in sorted(self.files - before.files)),
        ]

    def _processes_left(self, before: Belongings) -> Iterator[psutil.Process]:
        """New ones that were started here, but for the children of a program that ran before: those may come and go as
        it likes."""
        for process in map(_process, self.running - before.running):
            if process is not None and _is_ours(process):
                older = (it for it in _ancestors(process) if it.pid in before.running)
                if not any(_is_ours(ancestor) for ancestor in older):
                    yield process


def left_behind(before: Belongings, limit_s: float = 2.0) -> list[str]:
    """What is still there that was not `before`, given up to `limit_s` seconds to go away."""
    deadline = time.monotonic() + limit_s
    left = Belongings.now().left_since(before)
    while left and time.monotonic() < deadline:
        gc.collect()
        left = Belongings.now().left_since(before)
        time.sleep(0.01)
    return left


def _ancestors(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.parents())
    except psutil.NoSuchProcess:
        return []


def _servers() -> tuple[Any, Any]:
    return forkserver._forkserver, resource_tracker._resource_tracker


def _descriptors() -> Iterator[tuple[int, str]]:
    server, tracker = _servers()
    kept = {server._forkserver_alive_fd, tracker._fd, _door(server)}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the descriptor that listed the folder
            continue
        if int(name) not in kept:
            yield int(name), target.removesuffix(" (deleted)")


def _door(server: Any) -> int:
    """The descriptor that the fork server is reached by, where it is `vidproc` that has started it."""
    folder, _, name = (server._forkserver_address or "").rpartition("/")
    return int(name) if folder == "/proc/self/fd" else -1


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _is_ours(process: psutil.Process) -> bool:
    """Whether it was started here, by whoever, and lives. The servers are not counted, nor is this process itself."""
    server, tracker = _servers()
    if process.pid in (os.getpid(), server._forkserver_pid, tracker._pid) or _is_zombie(process):
        return False
    return _is_marked(process.pid) or psutil.Process() in _ancestors(process)


@contextlib.contextmanager
def temporary_files_apart() -> Iterator[None]:
    """A folder of their own for this process and all that it starts. pytest's own folders stay where they are: the path
    of an AF_UNIX socket may have 107 bytes."""
    usual = tempfile.gettempdir()
    with scratch.folder() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTEST_DEBUG_TEMPROOT", os.environ.get("PYTEST_DEBUG_TEMPROOT", usual))
        patched.setenv("TMPDIR", str(folder))
        patched.setattr(tempfile, "tempdir", str(folder))
        yield


def mark_descendants() -> None:
    """From here on, what this process starts can be told from other processes even when its parent is gone."""
    os.environ[MARK] = f"{os.getpid()}-{time.time_ns()}"


def _is_marked(pid: int) -> bool:
    try:
        return f"{MARK}={os.environ[MARK]}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    except OSError:
        return False


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.NoSuchProcess:
        return str(process.pid)


def _used_elsewhere(block: str) -> bool:
    return any(_maps(it.pid, block) and it != psutil.Process() and not _is_ours(it) for it in psutil.process_iter())


def _maps(pid: int, block: str) -> bool:
    try:
        return f"{SHARED_MEMORY}/{block}" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False
