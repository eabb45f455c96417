"""Standard input as a file: a film's hash is wanted before its bytes.

Python looks for signals before it reads, and a read that is waiting then ends by itself. One that comes in between is
seen only when there is something to read, which from a person's pipe may be never. So here the wait is for input or a
signal, whichever comes first.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_BLOCK = 2**20
STDIN = 0


@contextlib.contextmanager
def kept_in(folder: Path) -> Iterator[Path]:
    """What standard input holds, in a file of a folder that is made for it and vanishes with the block.

    To be used in the main thread. Raises `OSError`.
    """
    try:
        folder.mkdir(mode=0o700)
        path = folder / "standard input"
        with _input_or_signal() as wait, open(path, "wb") as kept:
            wait()
            while block := os.read(STDIN, _BLOCK):
                kept.write(block)
                wait()
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_folder() -> Path:
    """A place for one. It is named before it is made, so that no interruption can leave it behind."""
    return Path(tempfile.gettempdir(), f"vidproc-{secrets.token_hex(8)}")


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
