"""Standard input as a file: a film's hash is wanted before its bytes.

Python looks for signals before it reads, and a read that is waiting then ends by itself. One that comes in between is
seen only when there is something to read, which from a person's pipe may be never. So here the wait is for input or a
signal, whichever comes first.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

_BLOCK = 2**20
STDIN = 0


def kept_in(folder: Path) -> Path:
    """What standard input holds, in a file of that folder. To be used in the main thread. Raises `OSError`."""
    path = folder / "standard input"
    with _input_or_signal() as wait, open(path, "wb") as kept:
        wait()
        while block := os.read(STDIN, _BLOCK):
            kept.write(block)
            wait()
    return path


@contextlib.contextmanager
def _input_or_signal() -> Iterator[Callable[[], None]]:
    """A function that returns when there is input, and that a signal interrupts though it came just before."""
    ours, pythons = socket.socketpair()
    with ours, pythons:
        pythons.setblocking(False)
        try:
            signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
            yield lambda: _wait(ours)
        finally:
            signal.set_wakeup_fd(-1)  # not what was there before: a signal may come before that is known


def _wait(signals: socket.socket) -> None:
    while STDIN not in select.select([STDIN, signals.fileno()], [], [])[0]:
        signals.recv(1)
