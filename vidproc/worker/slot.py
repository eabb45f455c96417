"""One slot of a daemon: a supervised process and at most one lease.

The process reports through its gauge, not by messages, how far it is; from the gauge comes the limit a frame (a
process that stays on one frame for too long is killed) and the number of the frame that a process died on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from vidproc.errors import StalledError, VidprocError, WorkerError
from vidproc.model import ChunkReport, ChunkTask, FilterCall, LeaseKind
from vidproc.processes.child import Child, ChildLimits
from vidproc.processes.gauge import Reading
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.tasks import watched

_ENTRY = "vidproc.worker.chunk:serve"
_LOOK_EVERY_S = 0.25
NO_FILES: Mapping[str, bytes] = {}
_NOTHING = Reading(frame=-1, finished=0, moved_at=0.0)

T = TypeVar("T")


class SlotFailure(Exception):
    """Why a lease could not be done: the error, the rank in hand (-1: none), whether the process is gone, and which
    filter's call it was in."""

    def __init__(self, error: VidprocError, frame: int, slot_lost: bool, call: FilterCall | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.frame = frame
        self.slot_lost = slot_lost
        self.call = call


class Slot:
    """`start`, then `run` tasks; `close` at the end. A process that is gone is replaced when the next task comes."""

    def __init__(self, name: str, frame_timeout: float, limits: ChildLimits) -> None:
        self.name = name
        self.versions: Mapping[str, str] = {}
        self._frame_timeout = frame_timeout
        self._limits = limits
        self._child: Child | None = None
        self._turn = asyncio.Lock()

    @property
    def reading(self) -> Reading:
        """How far the process is with its task."""
        return self._child.gauge.read() if self._child else _NOTHING

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    async def start(self) -> None:
        """A fresh process, ready for work. Raises a `WorkerError` if it cannot even begin."""
        async with self._turn:
            await self._begin()

    async def run(
        self, task: ChunkTask, packets: bytes | bytearray, files: Mapping[str, bytes] = NO_FILES
    ) -> tuple[ChunkReport, bytes]:
        """Do a lease's work. Raises `SlotFailure`. Cancelled, it kills the process: the quickest way out of a frame.

        `files` are what the task's filters name; the process keeps them for the next task.

        The next lease may come while the last one, cancelled, is still being cleared away; so there is a lock.
        """
        async with self._turn:
            if task.kind is LeaseKind.FRAME:
                await self._drop()  # nothing that other work has left behind is to be held against its frames
            try:
                return await self._done(task, packets, files)
            except SlotFailure:
                raise
            except WorkerError as error:
                last = self.reading
                await self._drop()
                raise SlotFailure(error, last.frame, slot_lost=True, call=last.call) from error
            except BaseException:  # cancelled, or an answer that makes no sense
                await self._drop()
                raise

    async def close(self) -> None:
        async with self._turn:
            await self._drop()

    async def _begin(self) -> None:
        child = Child(self.name, _ENTRY, self._limits)
        await child.start()
        try:
            child.gauge.start()
            hello, _ = await self._within_limit(child, child.receive())
            if "failed" in hello:
                raise child.raised(hello["failed"])
        except BaseException:
            await child.close()
            raise
        self._child, self.versions = child, hello["ready"]

    async def _done(
        self, task: ChunkTask, packets: bytes | bytearray, files: Mapping[str, bytes]
    ) -> tuple[ChunkReport, bytes]:
        if self._child is None:
            await self._begin()
        assert self._child is not None
        self._child.gauge.start()
        return await self._within_limit(self._child, _ask(self._child, task, packets, files))

    async def _within_limit(self, child: Child, course: Coroutine[Any, Any, T]) -> T:
        """What `course` gives, unless the process stays on one frame for longer than the limit."""
        return await watched(course, lambda: self._check_stalled(child.gauge.read()), _LOOK_EVERY_S)

    def _check_stalled(self, reading: Reading) -> None:
        if time.monotonic() - reading.moved_at > self._frame_timeout:
            frame = reading.call.rank if reading.call else reading.frame
            where = f"frame {frame}: it" if frame >= 0 else "the start of a chunk"
            raise StalledError(f"{where} took longer than {self._frame_timeout:g} s (--frame-timeout)")

    async def _drop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.close()


async def _hand_over(child: Child, files: Mapping[str, bytes]) -> None:
    """The files that the process does not have yet."""
    if files:
        await child.send({"files": list(files)})
        answer, _ = await child.receive()
        for sha256 in answer["wanted"]:
            await child.send({"file": sha256}, files[sha256])


async def _ask(
    child: Child, task: ChunkTask, packets: bytes | bytearray, files: Mapping[str, bytes]
) -> tuple[ChunkReport, bytes]:
    await _hand_over(child, files)
    await child.send({"task": to_plain(task)}, packets)
    answer, records = await child.receive()
    if "failed" in answer:
        said = answer["failed"]
        call = from_plain(FilterCall, said["call"]) if said["call"] else None
        raise SlotFailure(child.raised(said), said["frame"], slot_lost=False, call=call)
    return from_plain(ChunkReport, answer["done"]), records
