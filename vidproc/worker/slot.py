"""One slot of a daemon: a supervised process and at most one lease.

The process reports through its gauge, not by messages, how far it is; from the gauge comes the limit a frame (a
process that stays on one frame for too long is killed) and the number of the frame that a process died on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from vidproc.errors import StalledError, VidprocError, WorkerError, from_code
from vidproc.model import ChunkReport, ChunkTask
from vidproc.processes.child import Child, ChildDiedError, ChildLimits
from vidproc.protocol.structure import from_plain, to_plain

_ENTRY = "vidproc.worker.chunk:serve"
_LOOK_EVERY_S = 0.25


class SlotFailure(Exception):
    """Why a lease could not be done: the error, the rank in hand (-1: none), and whether the process is gone."""

    def __init__(self, error: VidprocError, frame: int, slot_lost: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.frame = frame
        self.slot_lost = slot_lost


class Slot:
    """`start`, then `run` tasks one at a time; `abort` what is running; `close`."""

    def __init__(self, name: str, frame_timeout: float, memory_limit: int) -> None:
        self.name = name
        self.versions: Mapping[str, str] = {}
        self._frame_timeout = frame_timeout
        self._limits = ChildLimits(memory=memory_limit)
        self._child: Child | None = None

    @property
    def frames_finished(self) -> int:
        return self._child.gauge.read().finished if self._child else 0

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    async def start(self) -> None:
        """A fresh process, ready for work. Raises `ChildDiedError` if it cannot even begin."""
        child = Child(self.name, _ENTRY, self._limits)
        await child.start()
        try:
            hello, _ = await child.receive()
        except BaseException:
            await child.close()
            raise
        self._child, self.versions = child, hello["ready"]

    async def run(self, task: ChunkTask, packets: bytes | bytearray) -> tuple[ChunkReport, bytes]:
        """Do a lease's work. Raises `SlotFailure`; a process that died or was killed is replaced already then."""
        if self._child is None:
            await self.start()
        child = self._child
        assert child is not None
        child.gauge.start()
        try:
            await child.send({"task": to_plain(task)}, packets)
            answer, records = await self._watched(child)
        except (ChildDiedError, StalledError) as error:
            raise await self._replace(child, error) from error
        if "failed" in answer:
            raise _failure(answer["failed"])
        return from_plain(ChunkReport, answer["done"]), records

    def abort(self) -> None:
        """Kill the process: the quickest way out of a frame. `run` raises."""
        if self._child is not None:
            self._child.kill()

    async def close(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            await child.close()

    async def _watched(self, child: Child) -> tuple[dict[str, Any], bytes]:
        """The child's answer, unless it stays on one frame for longer than the limit."""
        answer = asyncio.ensure_future(child.receive())
        try:
            while not (await asyncio.wait({answer}, timeout=_LOOK_EVERY_S))[0]:
                reading = child.gauge.read()
                if time.monotonic() - reading.moved_at > self._frame_timeout:
                    where = f"frame {reading.frame}" if reading.frame >= 0 else "the start of a chunk"
                    raise StalledError(f"{where} took longer than {self._frame_timeout:g} s (--frame-timeout)")
            return answer.result()
        finally:
            if not answer.done():
                answer.cancel()
                with contextlib.suppress(asyncio.CancelledError, ChildDiedError):
                    await answer

    async def _replace(self, child: Child, error: WorkerError) -> SlotFailure:
        frame = child.gauge.read().frame
        await self.close()
        with contextlib.suppress(ChildDiedError):  # then the next run starts it, or says why it cannot
            await self.start()
        return SlotFailure(error, frame, slot_lost=True)


def _failure(said: Mapping[str, Any]) -> SlotFailure:
    return SlotFailure(from_code(said["code"], said["message"]), said["frame"], slot_lost=False)
