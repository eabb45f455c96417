"""New processes from `multiprocessing`'s fork server, which has the heavy modules imported: a matter of milliseconds.

They are made below `multiprocessing.Process.start`, by its `Popen`. `start` keeps a list of all children and polls them
from whichever thread starts another, and of two threads that poll one child only one learns its exit code.

`multiprocessing` puts the server's socket into a folder that only a program removes which ends in order. Here the file
is removed as soon as the server has it: a socket can be reached through a descriptor of its file, too, under a name in
/proc (see "magic links" in symlink(7)).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, process, resource_tracker
from multiprocessing.popen_forkserver import Popen
from pathlib import Path
from typing import Any

from vidproc import scratch
from vidproc.processes.bootstrap import STOPPING

_ENVIRONMENT = {
    # Threads of a BLAS, begun as NumPy is imported, would not survive the server's forks.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc's allocator keeps what is freed for the next chunk, whose encoder would else get each of its pages from the
    # kernel again (measured at 1080p: half a millisecond a frame). `Channel` gives it back when there is no next chunk.
    "MALLOC_MMAP_THRESHOLD_": str(256 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}
"""What the fork server reads as it starts, and its children inherit."""

_DOORS = "/proc/self/fd/"

_DEATHS = 2
"""So often a server may die before it has made a process that is asked for."""

_context = multiprocessing.get_context("forkserver")
_one_at_a_time = threading.Lock()


def preload(*modules: str) -> None:
    """Have the fork server import these before its first child. Call once, before any child is started."""
    _context.set_forkserver_preload(list(modules))


def launch(function: Callable[..., None], args: tuple[Any, ...], name: str) -> Popen:
    """A process that runs `function(*args)`. Blocks until it is there; the first one waits for the fork server too.

    The process holds the read end of a pipe, `multiprocessing.parent_process().sentinel`, which ends when this process
    does or when the `Popen` is closed. Raises `OSError`, and `EOFError` when the fork server dies again and again.
    """
    child = _context.Process(target=function, args=args, name=name, daemon=True)
    with _one_at_a_time, _without_main(), _its_environment(), _deaf_to_stop_signals():
        return _made(child, _DEATHS)


def _made(child: process.BaseProcess, deaths: int) -> Popen:
    """By this server, or by the next if it dies, so many times."""
    _ensure_running()
    try:
        return Popen(child)
    except (ConnectionError, EOFError):
        _see_out()
        if not deaths:
            raise
        return _made(child, deaths - 1)


def _ensure_running() -> None:
    """Start the server, unless it runs, at an address that leaves no file behind."""
    server: Any = forkserver._forkserver
    if _lives(server._forkserver_pid):
        return
    _close_door(server)
    with scratch.folder() as folder, _opened(folder) as place, _temporary_files_in(place):
        server.ensure_running()
        try:
            door = os.open(server._forkserver_address, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            server._stop()  # nobody could reach it
            raise
        server._forkserver_address = _DOORS + str(door)


def _lives(pid: int | None) -> bool:
    return pid is not None and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _see_out() -> None:
    """Wait for the end of a server that has closed its socket: one that is killed does so a while before it is gone."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _close_door(server: Any) -> None:
    """That of a server that is gone."""
    address, server._forkserver_address = server._forkserver_address or "", None
    if address.startswith(_DOORS):
        os.close(int(address.removeprefix(_DOORS)))


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[str]:
    """A short name for it: the path of a socket may have 107 bytes."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _DOORS + str(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Where `multiprocessing` puts them, which else makes a folder of its own for good."""
    config: dict[str, Any] = process.current_process()._config  # type: ignore[attr-defined]
    before, config["tempdir"] = config.get("tempdir"), folder
    try:
        yield
    finally:
        config["tempdir"] = before


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide `__main__` from `multiprocessing`, which would import it again in each child.

    A user's script that calls `vidproc.process` at its top level would run once more for each slot.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _deaf_to_stop_signals() -> Iterator[None]:
    """What asks all processes to stop reaches the fork server too, and all children would be unattended if it did.

    It inherits what this thread has blocked, and so do its children, until `bootstrap` leaves these to the parent.
    """
    resource_tracker.ensure_running()  # or the fork server starts it, which unblocks the signals in this thread
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _its_environment() -> Iterator[None]:
    """Not in `os.environ`, which another thread may be going through: an import does so."""
    for name, value in _ENVIRONMENT.items():
        os.putenv(name, value)
    try:
        yield
    finally:
        for name in _ENVIRONMENT:
            if name in os.environ:
                os.putenv(name, os.environ[name])
            else:
                os.unsetenv(name)
