"""One connection of a daemon, from its opening to its end: leases in, frames and results out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence

import structlog

from vidproc.errors import PeerError, WorkerError
from vidproc.model import ChunkReport
from vidproc.processes.figures import Figures
from vidproc.protocol.messages import (
    Committed,
    Drain,
    Error,
    Failed,
    Heartbeat,
    Lease,
    LeaseBlock,
    Message,
    Result,
    ResultBlock,
    Revoke,
)
from vidproc.transport.session import Session
from vidproc.worker.slot import Slot, SlotFailure

_BLOCK = 2**20
_HEARTBEAT_S = 0.25

log = structlog.get_logger()


class _Work:
    """A lease in hand: its packets as they come, then the task that runs them."""

    def __init__(self, lease: Lease, slot: Slot) -> None:
        self.lease = lease
        self.slot = slot
        self.packets = bytearray()
        self.running: asyncio.Task[None] | None = None

    @property
    def whole(self) -> bool:
        return len(self.packets) >= self.lease.size


class Link:
    """Serve leases until the connection ends; `drain` to end it when the last lease in hand is done."""

    def __init__(self, session: Session, slots: Sequence[Slot]) -> None:
        self._session = session
        self._slots = slots
        self._work: dict[int, _Work] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    async def serve(self) -> None:
        """Returns never; raises what ended the connection. Nothing of its leases goes on after that."""
        beat = asyncio.create_task(self._beat())
        try:
            while True:
                message, payload, _ = await self._session.receive()
                self._take(message, payload)
        finally:
            beat.cancel()
            await self._abandon()

    async def drain(self) -> None:
        """Ask for no more leases and wait for the end of those in hand."""
        await self._session.send(Drain())
        await self._idle.wait()

    def _take(self, message: Message, payload: bytes | memoryview) -> None:
        match message:
            case Lease():
                self._accept(message)
            case LeaseBlock(lease_id):
                if work := self._work.get(lease_id):  # a revoked lease's blocks may still be on their way
                    work.packets += payload
                    self._begin(work)
            case Revoke(lease_id):
                self._revoke(lease_id)
            case Error():
                raise PeerError(message.message)
            case Committed():
                pass
            case _:
                raise PeerError(f"the coordinator sent {message.kind}, which means nothing to a worker")

    def _accept(self, lease: Lease) -> None:
        if not 0 <= lease.slot < len(self._slots):
            raise PeerError(f"the coordinator leased work to slot {lease.slot} of {len(self._slots)}")
        self._work[lease.lease_id] = work = _Work(lease, self._slots[lease.slot])
        self._idle.clear()
        self._begin(work)

    def _begin(self, work: _Work) -> None:
        if work.whole and work.running is None:
            work.running = asyncio.create_task(self._run(work))

    def _revoke(self, lease_id: int) -> None:
        work = self._work.pop(lease_id, None)
        if work is not None and work.running is not None:
            work.slot.abort()
        self._note_idle()

    async def _run(self, work: _Work) -> None:
        lease = work.lease
        try:
            report, records = await work.slot.run(lease.task, work.packets)
        except SlotFailure as failure:
            await self._fail(lease.lease_id, failure)
        except WorkerError as error:
            await self._fail(lease.lease_id, SlotFailure(error, -1, slot_lost=True))
        else:
            await self._finish(lease.lease_id, report, records)
        self._work.pop(lease.lease_id, None)
        self._note_idle()

    async def _fail(self, lease_id: int, failure: SlotFailure) -> None:
        if lease_id not in self._work:  # revoked: nobody waits for an answer
            return
        log.warning("lease failed", lease=lease_id, frame=failure.frame, error=str(failure))
        with contextlib.suppress(PeerError):
            await self._session.send(
                Failed(lease_id, failure.error.code, str(failure), failure.frame, failure.slot_lost)
            )

    async def _finish(self, lease_id: int, report: ChunkReport, records: bytes) -> None:
        if lease_id not in self._work:
            return
        digest = hashlib.sha256(records).hexdigest()
        with contextlib.suppress(PeerError):
            await self._session.send(Result(lease_id, len(records), digest, report))
            view = memoryview(records)
            for at in range(0, len(view), _BLOCK):
                await self._session.send(ResultBlock(lease_id), view[at : at + _BLOCK])

    async def _beat(self) -> None:
        """Tell how far each lease is. The session's own pings keep an idle connection alive."""
        figures = Figures()
        with contextlib.suppress(PeerError):
            while True:
                await asyncio.sleep(_HEARTBEAT_S)
                if self._work:
                    await self._session.send(self._heartbeat(figures))

    def _heartbeat(self, figures: Figures) -> Heartbeat:
        running = [work for work in self._work.values() if work.running]
        frames = {work.lease.lease_id: work.slot.frames_finished for work in running}
        cpu_percent, memory_mb = figures.of([slot.pid for slot in self._slots])
        return Heartbeat(frames, cpu_percent, memory_mb)

    async def _abandon(self) -> None:
        """The connection is gone, and its leases are void: stop what runs."""
        running = [work for work in self._work.values() if work.running]
        self._work.clear()
        for work in running:
            work.slot.abort()
        await asyncio.gather(*(work.running for work in running if work.running), return_exceptions=True)
        self._note_idle()

    def _note_idle(self) -> None:
        if not self._work:
            self._idle.set()
