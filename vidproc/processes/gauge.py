"""A few numbers that a child writes and its parent reads, without a message.

A child that reported each frame by a message would wake its parent a thousand times a second. It writes into shared
memory instead: what frame it holds, how many it has finished, when it last got on. The parent looks when it likes, and
what was written last is still there after the child was killed, so that the frame at fault is known by number.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any

_LAYOUT = struct.Struct("qqd")


@dataclass(frozen=True, slots=True)
class Reading:
    """`frame`: the rank in hand, -1 if none. `finished`: frames of the present task. `moved_at`: monotonic seconds."""

    frame: int
    finished: int
    moved_at: float


class Gauge:
    """The shared block. `fd` is passed to the child, which builds its own Gauge on it."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = _anonymous_file() if fd is None else fd
        self._memory = mmap.mmap(self.fd, _LAYOUT.size)

    def __reduce__(self) -> tuple[Any, ...]:
        """How `multiprocessing` hands it to a child that is being started: by its descriptor."""
        return _attach, (reduction.DupFd(self.fd),)

    def start(self) -> None:
        """A new task: nothing in hand, nothing finished."""
        self.set(-1, 0)

    def set(self, frame: int, finished: int) -> None:
        # CLOCK_MONOTONIC is one clock for all processes of a host.
        _LAYOUT.pack_into(self._memory, 0, frame, finished, time.monotonic())

    def read(self) -> Reading:
        return Reading(*_LAYOUT.unpack_from(self._memory, 0))

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("vidproc-gauge", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.truncate(fd, _LAYOUT.size)
    return fd


def _attach(descriptor: Any) -> Gauge:
    return Gauge(descriptor.detach())
