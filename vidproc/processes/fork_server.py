"""New processes from `multiprocessing`'s fork server, which has the heavy modules imported: a matter of milliseconds.

They are made below `multiprocessing.Process.start`, by its `Popen`. `start` keeps a list of all children and polls them
from whichever thread starts another, and of two threads that poll one child only one learns its exit code.
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
from multiprocessing import resource_tracker
from multiprocessing.popen_forkserver import Popen
from typing import Any

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

_context = multiprocessing.get_context("forkserver")
_one_at_a_time = threading.Lock()


def preload(*modules: str) -> None:
    """Have the fork server import these before its first child. Call once, before any child is started."""
    _context.set_forkserver_preload(list(modules))


def launch(function: Callable[..., None], args: tuple[Any, ...], name: str) -> Popen:
    """A process that runs `function(*args)`. Blocks until it is there; the first one waits for the fork server too.

    The process holds the read end of a pipe, `multiprocessing.parent_process().sentinel`, which ends when this process
    does or when the `Popen` is closed. Raises `OSError`, and `EOFError` when the fork server dies.
    """
    process = _context.Process(target=function, args=args, name=name, daemon=True)
    with _one_at_a_time, _without_main(), _its_environment(), _deaf_to_ctrl_c():
        return Popen(process)


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
def _deaf_to_ctrl_c() -> Iterator[None]:
    """A terminal's Ctrl-C reaches the fork server too, which would die of it until it has imported what is preloaded.

    It inherits what this thread has blocked, and so do its children, until `bootstrap` has them ignore the signal.
    """
    resource_tracker.ensure_running()  # or the fork server starts it, which unblocks the signal in this thread
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _its_environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
