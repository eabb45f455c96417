"""A few numbers that a child writes and its parent reads, without a message.

A child that reported each frame by a message would wake its parent a thousand times a second. It writes into shared
memory instead: what frame it holds, how many it has finished, when it last got on, which filter it has called. The
parent looks when it likes, and what was written last is still there after the child was killed, so that the frame at
fault is known by number, and the filter.
"""

from __future__ import annotations

import mmap
import os
import time
from dataclasses import dataclass
from multiprocessing import reduction
from typing import Any

from vidproc.model import FilterCall

_SIZE = 6 * 8
_NO_STEP = -1


@dataclass(frozen=True, slots=True)
class Reading:
    """`frame`: the rank in hand, -1 if none. `finished`: frames of the present task. `moved_at`: monotonic seconds.
    `call`: the filter's that is going on."""

    frame: int
    finished: int
    moved_at: float
    call: FilterCall | None = None


class Gauge:
    """The shared block. `fd` is passed to the child, which builds its own Gauge on it."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = _anonymous_file() if fd is None else fd
        # Cells are written one by one, each in one piece. `struct.pack_into` would fill them with zeros first, and a
        # reader that comes in between would take the child for one that has stood still since the host was started.
        self._memory = mmap.mmap(self.fd, _SIZE)
        self._cells = memoryview(self._memory).cast("q")

    def __reduce__(self) -> tuple[Any, ...]:
        """How `multiprocessing` hands it to a child that is being started: by its descriptor."""
        return _attach, (reduction.DupFd(self.fd),)

    def start(self) -> None:
        """A new task: nothing in hand, nothing finished."""
        self.leave()
        self.set(-1, 0)

    def set(self, frame: int, finished: int) -> None:
        # CLOCK_MONOTONIC is one clock for all processes of a host.
        self._cells[0], self._cells[1], self._cells[2] = frame, finished, time.monotonic_ns()

    def enter(self, call: FilterCall) -> None:
        """A filter is being called."""
        self._cells[4], self._cells[5], self._cells[3] = call.rank, call.looks, call.step

    def leave(self) -> None:
        """It has come back."""
        self._cells[3] = _NO_STEP

    def read(self) -> Reading:
        frame, finished, moved_at, step, rank, looks = self._cells
        call = None if step == _NO_STEP else FilterCall(step, rank, bool(looks))
        return Reading(frame, finished, moved_at / 1e9, call)

    def close(self) -> None:
        self._cells.release()
        self._memory.close()
        os.close(self.fd)


def _anonymous_file() -> int:
    fd = os.memfd_create("vidproc-gauge", os.MFD_CLOEXEC)
    os.truncate(fd, _SIZE)
    return fd


def _attach(descriptor: Any) -> Gauge:
    return Gauge(descriptor.detach())
