"""One connection of a daemon, from its opening to its end: leases in, frames and results out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from msgspec.structs import replace

from vidproc.errors import PeerError, WorkerError
from vidproc.model import ChunkReport
from vidproc.protocol.framing import in_blocks
from vidproc.protocol.incoming import IncomingFiles
from vidproc.protocol.messages import (
    Committed,
    Drain,
    Error,
    Failed,
    FileBlock,
    FileWanted,
    Heartbeat,
    Lease,
    LeaseBlock,
    Message,
    Result,
    ResultBlock,
    Revoke,
)
from vidproc.tasks import ended
from vidproc.transport.session import Session
from vidproc.worker.file_cache import FileCache
from vidproc.worker.slot import Slot, SlotFailure
from vidproc.worker.usage import Usage

_HEARTBEAT_S = 0.5
_USAGE_EVERY = 4
"""Heartbeats."""
_MOST_LEASES = 16
"""A slot. Two is what a coordinator gives; those that it takes back at the same moment still count."""
_LARGEST_LEASE = 2**31 - 1

log = structlog.get_logger()


class _Work:
    """A lease in hand: its packets and files as they come, and the task that waits for them and for its slot, and runs
    them."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.packets = bytearray()
        self.files: dict[str, bytes] = {}
        self.whole = asyncio.Event()
        self.begun = False
        self.task: asyncio.Task[None] | None = None

    @property
    def missing(self) -> int:
        """Bytes of packets that are still to come."""
        return self.lease.size - len(self.packets)


class Link:
    """Serve leases until the connection ends; `drain` to end it when the last lease in hand is done and kept.

    A slot does its leases in the order that they come, however their packets do: the next one mostly lies here when one
    is done, and may need the decoder that is open then.
    """

    def __init__(self, session: Session, slots: Sequence[Slot], on_drain: Callable[[], None] = lambda: None) -> None:
        self._session = session
        self._slots = slots
        self._on_drain = on_drain
        self._usage = Usage(slots)
        self._turns = [asyncio.Lock() for _ in slots]
        self._work: dict[int, _Work] = {}
        self._files = FileCache()
        self._incoming = IncomingFiles()
        self._uncommitted: set[int] = set()
        self._rate_limit: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    async def serve(self) -> None:
        """Returns never; raises what ended the connection. Nothing of its leases goes on after that."""
        self._spawn(self._beat())
        try:
            while True:
                message, payload, _ = await self._session.receive()
                self._take(message, payload)
        finally:
            await self._abandon()

    async def drain(self) -> None:
        """Ask for no more leases; wait for the end of those in hand, and until the coordinator keeps their results."""
        await self._session.send(Drain())
        await self._idle.wait()

    def limit(self, rate: float) -> None:
        """Have the next heartbeat say how many frames a second to lease at most from now on, 0 for no limit."""
        self._rate_limit = rate

    def _take(self, message: Message, payload: bytes | memoryview) -> None:
        match message:
            case Lease():
                self._accept(message)
            case LeaseBlock(lease_id):
                if work := self._work.get(lease_id):  # a revoked lease's blocks may still be on their way
                    self._fill(work, payload)
            case FileBlock():
                self._take_file(message, payload)
            case Revoke(lease_id):
                self._revoke(lease_id)
            case Error():
                raise PeerError(message.message)
            case Drain():
                self._on_drain()
            case Committed(lease_id):
                self._uncommitted.discard(lease_id)
                self._note_idle()
            case _:
                raise PeerError(f"the coordinator sent {message.kind}, which means nothing to a worker")

    def _accept(self, lease: Lease) -> None:
        if not 0 <= lease.slot < len(self._slots):
            raise PeerError(f"the coordinator leased work to slot {lease.slot} of {len(self._slots)}")
        if len(self._work) >= _MOST_LEASES * len(self._slots) or lease.size > _LARGEST_LEASE:
            most = f"{_MOST_LEASES} chunks a slot, each of {_LARGEST_LEASE} bytes"
            raise PeerError(f"the coordinator leased more than {most}")
        self._work[lease.lease_id] = work = _Work(lease)
        self._idle.clear()
        work.task = self._spawn(self._run(work))
        self._give_files(work)
        self._note_whole(work)

    def _fill(self, work: _Work, payload: bytes | memoryview) -> None:
        if len(payload) > work.missing:
            raise PeerError(f"the coordinator sent more packets than the {work.lease.size} bytes it announced")
        work.packets += payload
        self._note_whole(work)

    def _give_files(self, work: _Work) -> None:
        """Those that are here. The others are asked for, once for all leases."""
        sizes = work.lease.task.files
        lacking = self._files.missing(sizes)
        work.files = {sha256: self._files[sha256] for sha256 in sizes if sha256 not in lacking}
        for sha256 in lacking:
            if self._incoming.expect(sha256, sizes[sha256]):
                self._spawn(self._ask_for(sha256))

    async def _ask_for(self, sha256: str) -> None:
        with contextlib.suppress(PeerError):  # the receiving side of the connection tells of its end
            await self._session.send(FileWanted(sha256))

    def _take_file(self, block: FileBlock, piece: bytes | memoryview) -> None:
        try:
            data = self._incoming.add(block.sha256, block.offset, piece)
        except ValueError as error:
            raise PeerError(str(error)) from None
        if data is None:
            return
        self._files.add(block.sha256, data)
        for work in self._work.values():
            if block.sha256 in work.lease.task.files:
                work.files[block.sha256] = data
                self._note_whole(work)

    def _note_whole(self, work: _Work) -> None:
        if not work.missing and work.files.keys() == work.lease.task.files.keys():
            work.whole.set()

    def _revoke(self, lease_id: int) -> None:
        work = self._work.get(lease_id)
        if work is not None and work.task is not None:
            work.task.cancel()
        self._uncommitted.discard(lease_id)
        self._forget(lease_id)

    def _forget(self, lease_id: int) -> None:
        self._work.pop(lease_id, None)
        self._incoming.expect_only({sha256 for work in self._work.values() for sha256 in work.lease.task.files})
        self._note_idle()

    def _note_idle(self) -> None:
        if not (self._work or self._uncommitted):
            self._idle.set()

    async def _run(self, work: _Work) -> None:
        lease = work.lease
        _bind(lease)
        try:
            report, records = await self._done(work)
            log.debug("chunk done", frames=report.frames, seconds=round(sum(report.seconds.values()), 3))
            await self._finish(lease.lease_id, report, records)
        except SlotFailure as failure:
            await self._fail(lease.lease_id, failure)
        except Exception as error:  # a bug of ours: this lease fails, the daemon lives
            log.exception("bug")
            await self._fail(lease.lease_id, SlotFailure(WorkerError(f"a bug in vidproc: {error!r}"), -1, True))
        self._forget(lease.lease_id)

    async def _done(self, work: _Work) -> tuple[ChunkReport, bytes]:
        slot = work.lease.slot
        async with self._turns[slot]:
            await work.whole.wait()
            work.begun, began = True, time.perf_counter()
            report, records = await self._slots[slot].run(work.lease.task, work.packets, work.files)
        return _with_pipe(report, time.perf_counter() - began), records

    async def _fail(self, lease_id: int, failure: SlotFailure) -> None:
        log.warning("chunk failed", frame=failure.frame, code=failure.error.code, error=str(failure))
        with contextlib.suppress(PeerError):
            await self._session.send(
                Failed(lease_id, failure.error.code, str(failure), failure.frame, failure.slot_lost, failure.call)
            )

    async def _finish(self, lease_id: int, report: ChunkReport, records: bytes) -> None:
        digest = hashlib.sha256(records).hexdigest()
        self._uncommitted.add(lease_id)
        with contextlib.suppress(PeerError):
            await self._session.send(Result(lease_id, len(records), digest, report))
            view = memoryview(records)
            for at in in_blocks(range(len(view))):
                await self._session.send(ResultBlock(lease_id), view[at.start : at.stop])

    async def _beat(self) -> None:
        """Tell how far each lease is, and of its machine. The session's own pings keep an idle connection alive."""
        with contextlib.suppress(PeerError):
            for beat in itertools.count():
                await asyncio.sleep(_HEARTBEAT_S)
                with_usage = beat % _USAGE_EVERY == 0
                if self._work or self._rate_limit is not None or with_usage:
                    await self._session.send(self._heartbeat(with_usage))

    def _heartbeat(self, with_usage: bool) -> Heartbeat:
        begun = [work for work in self._work.values() if work.begun]
        frames = {work.lease.lease_id: self._slots[work.lease.slot].reading.finished for work in begun}
        limit, self._rate_limit = self._rate_limit, None
        return Heartbeat(frames, limit, *(self._usage.look() if with_usage else ()))

    def _spawn(self, course: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(course)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _abandon(self) -> None:
        """The connection is gone, and its leases are void: stop what runs."""
        await ended(*self._tasks)
        self._work.clear()
        self._uncommitted.clear()
        self._idle.set()


def _bind(lease: Lease) -> None:
    """What this task's lines of the log are of."""
    task = lease.task
    structlog.contextvars.bind_contextvars(
        job=task.job_id, chunk=task.chunk, attempt=lease.attempt, slot=lease.slot, lease=lease.lease_id
    )


def _with_pipe(report: ChunkReport, whole_s: float) -> ChunkReport:
    """What the slot did not account for went to its pipe: the packets' way in, the result's way out."""
    pipe = max(0.0, whole_s - sum(report.seconds.values()))
    return replace(report, seconds={**report.seconds, "pipe": pipe})
