"""Pipes, standard input among them, that Ctrl-C ends the wait for.

Python looks for signals before it opens or reads, and a wait in the system then ends by itself. A signal that comes in
between is seen only when there is something to read, which from a person's pipe may be never. So here the wait is for
input or a signal, whichever comes first, and a named pipe is opened without waiting for whoever writes into it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_BLOCK = 2**20
STDIN = 0


def read(path: Path) -> bytes:
    """What a named pipe holds, once somebody has written into it and closed it. Raises `OSError`."""
    return b"".join(blocks(path))


def blocks(path: Path | None) -> Iterator[bytes]:
    """The same piece by piece; None is standard input."""
    with _opened(path) as descriptor, _input_or_signal(descriptor) as wait:
        wait()
        while block := os.read(descriptor, _BLOCK):
            yield block
            wait()


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[int]:
    if path is None:
        yield STDIN
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _input_or_signal(descriptor: int) -> Iterator[Callable[[], None]]:
    """A function that returns when there is input, and that a signal interrupts though it came just before."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's alone
        yield lambda: _wait(descriptor)
        return
    ours, pythons = socket.socketpair()
    before = -1  # unless a signal comes before that is known
    with ours, pythons:
        pythons.setblocking(False)
        try:
            before = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
            yield lambda: _wait(descriptor, ours.fileno())
        finally:
            signal.set_wakeup_fd(before)


def _wait(descriptor: int, *signals: int) -> None:
    while descriptor not in (ready := select.select([descriptor, *signals], [], [])[0]):
        for each in ready:
            os.read(each, 1)
