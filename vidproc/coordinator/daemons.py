"""A worker daemon's connection, seen from the coordinator."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from vidproc.coordinator.dispatch import Dispatch, named
from vidproc.coordinator.job import Job
from vidproc.coordinator.outbox import Outbox
from vidproc.coordinator.worker_figures import WorkerFigures
from vidproc.errors import PeerError, StorageError, VidprocError, from_code, one_line, way_out
from vidproc.metrics.histogram import Histogram
from vidproc.model import ChunkReport
from vidproc.protocol.framing import in_blocks
from vidproc.protocol.messages import (
    Drain,
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
from vidproc.scheduling import events as ev
from vidproc.storage.reading import read_range
from vidproc.tasks import ended
from vidproc.transport.session import Session

_MAX_SLOTS = 1024
_MOST_FILES = 1024
_LARGEST_RESULT = 2**31 - 1

log = structlog.get_logger()


class DaemonLink:
    """Events from a daemon go to dispatch; dispatch's leases and words go to the daemon."""

    def __init__(self, session: Session, dispatch: Dispatch, name: str, max_result: int = _LARGEST_RESULT) -> None:
        self.name = name
        self._max_result = max_result
        self.versions: Mapping[str, str] = session.peer.versions
        self.slots = 0
        self._session = session
        self._dispatch = dispatch
        self.figures = WorkerFigures()
        self.draining = False
        self._outbox = Outbox(session)
        self._leases: asyncio.PriorityQueue[tuple[bool, int]] = asyncio.PriorityQueue()
        self._files: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the connection ends. Raises `PeerError` on what a daemon may not say."""
        joined = _joined(self.name, self._session.peer.capabilities)
        tasks = [asyncio.create_task(self._outbox.run()), asyncio.create_task(self._send_leases())]
        self.slots = joined.slots
        self.figures.rate_limit = joined.rate_limit
        self._dispatch.worker_joined(self, joined)
        log.info("worker joined", worker=self.name, slots=joined.slots)
        try:
            while True:
                message, payload, _ = await self._session.receive()
                self._take(message, payload)
        finally:
            log.info("worker left", worker=self.name)
            self._dispatch.worker_lost(self)
            await ended(*tasks, *self._files)

    def post(self, message: Message) -> None:
        self._outbox.post(message)

    def ask_to_drain(self) -> None:
        self._note_draining()
        self.post(Drain())

    def _note_draining(self) -> None:
        self.draining = True
        self._dispatch.feed(ev.WorkerDraining(self.name))

    def lease(self, grant: ev.Grant) -> None:
        self._leases.put_nowait((grant.ahead, grant.lease))

    async def _send_leases(self) -> None:
        """One after the other: those that slots wait for first, and those ahead in the order that they are needed."""
        while True:
            _, lease = await self._leases.get()
            grant, job = self._dispatch.grant_of(lease), self._dispatch.job_of(lease)
            if grant is not None and job is not None:
                await self._send_lease(grant, job)

    async def _send_lease(self, grant: ev.Grant, job: Job) -> None:
        """Send it whole, unless it is void by then."""
        with self._ending(job, "the film's packets"):
            task, pieces = job.task(grant), job.payload(grant)
            size = sum(stop - start for _, start, stop in pieces)
            await self._session.send(Lease(grant.lease, grant.slot, grant.kind, task, size, grant.attempt))
            for path, start, stop in pieces:
                await self._send_piece(grant.lease, path, start, stop)
        if not self._holds(grant.lease):
            self.post(Revoke(grant.lease))  # again, in case the first has overtaken the lease

    async def _send_piece(self, lease: int, path: Path, start: int, stop: int) -> None:
        if not self._holds(lease):
            return  # and what it needed may be gone
        with open(path, "rb", buffering=0) as file:  # noqa: ASYNC230 - opening is quick, reading is not done here
            for at in in_blocks(range(start, stop)):
                with self._dispatch.disk(lease):
                    block = await read_range(file.fileno(), at)
                if not self._holds(lease):
                    return
                await self._session.send(LeaseBlock(lease), block)

    def _want_file(self, sha256: str) -> None:
        if len(self._files) >= _MOST_FILES:
            raise PeerError(f"a worker may ask for {_MOST_FILES} files at a time")
        sending = asyncio.create_task(self._send_file(sha256))
        self._files.add(sending)
        sending.add_done_callback(self._files.discard)

    async def _send_file(self, sha256: str) -> None:
        """To a daemon that lacks it. Of a job that is gone nothing is sent: its leases are revoked."""
        under_way = (job for job in self._dispatch.jobs.values() if not job.state.final)
        job = next((job for job in under_way if sha256 in job.spec.files), None)
        if job is None:
            return
        with self._ending(job, "a filter's file"), open(job.folder.file(sha256), "rb", buffering=0) as file:  # noqa: ASYNC230
            for at in in_blocks(range(job.spec.files[sha256])):
                block = await read_range(file.fileno(), at)
                await self._session.send(FileBlock(sha256, at.start), block)

    @contextlib.contextmanager
    def _ending(self, job: Job, what: str) -> Iterator[None]:
        """What cannot be sent ends its job, or the slot would wait for it for ever."""
        try:
            yield
        except PeerError:
            pass  # the receiving side of the connection tells of its end
        except VidprocError as error:
            self._dispatch.fail(job, error)
        except OSError as error:
            self._dispatch.fail(job, StorageError(f"{what} cannot be read: {error.strerror}"))

    def _take(self, message: Message, payload: bytes | memoryview) -> None:
        if isinstance(message, Result | ResultBlock | Failed) and not self._holds(message.lease_id):
            return  # of a lease that is void, as whatever comes late is
        match message:
            case Heartbeat():
                self._note(message)
            case Result():
                self._result(message)
            case ResultBlock(lease):
                self._result_block(lease, payload)
            case Failed():
                self._failed(message)
            case FileWanted(sha256):
                self._want_file(sha256)
            case Drain():
                self._note_draining()
            case _:
                raise PeerError(f"a worker may not send {message.kind}")

    def _result(self, it: Result) -> None:
        job = self._dispatch.job_of(it.lease_id)
        if it.size > self._max_result and job is not None:  # it would be as large wherever it was made
            made = f"what was made of a piece of the film has {it.size} bytes"
            error = StorageError(f"{made}; this coordinator takes up to {self._max_result}; {way_out('max_result')}")
            self._dispatch.fail(job, error)
            return
        _demand_figures(it.report)
        self.figures.done(it.lease_id, it.report.frames)
        self._dispatch.result_begins(it.lease_id, it.size, it.sha256, it.report)
        if not it.size:
            self._result_block(it.lease_id, b"")

    def _holds(self, lease: int) -> bool:
        grant = self._dispatch.grant_of(lease)
        return grant is not None and grant.worker == self.name

    def _note(self, beat: Heartbeat) -> None:
        if beat.rate_limit is not None:
            self._dispatch.feed(ev.WorkerLimited(self.name, beat.rate_limit))
        frames = {lease: frames for lease, frames in beat.frames.items() if self._holds(lease)}
        self.figures.note(frames, beat)
        self._dispatch.progressed(frames)

    def _result_block(self, lease: int, payload: bytes | memoryview) -> None:
        try:
            self._dispatch.result_block(lease, payload)
        except ValueError as error:
            raise PeerError(str(error)) from None

    def _failed(self, failed: Failed) -> None:
        grant, message = self._dispatch.grant_of(failed.lease_id), one_line(failed.message)
        if grant is not None:
            log.warning("chunk failed", frame=failed.frame, code=failed.code, error=message, **named(grant))
        retryable = from_code(failed.code, "").retryable
        self._dispatch.lease_failed(
            ev.ChunkFailed(
                failed.lease_id, failed.code, message, retryable, failed.frame, failed.slot_lost, failed.call
            )
        )


def _demand_figures(report: ChunkReport) -> None:
    """They are added up with those of others, for good."""
    counts = (report.frames, report.lead_in, report.fell_back)
    amounts = (report.cpu_s, report.memory_mb, *report.seconds.values())
    try:
        Histogram(report.latency)
    except ValueError as error:
        raise PeerError(f"a worker's report: {error}") from None
    if min(counts) < 0 or not all(0 <= it < math.inf for it in amounts):
        raise PeerError("a worker's report has figures that are none: less than nothing, or without end")


def _joined(name: str, capabilities: Mapping[str, Any]) -> ev.WorkerJoined:
    slots, rate = capabilities.get("slots"), capabilities.get("rate_limit", 0)
    if type(slots) is not int or not 1 <= slots <= _MAX_SLOTS:
        raise PeerError(f"a worker must offer 1 to {_MAX_SLOTS} slots, not {slots!r}")
    if type(rate) not in (int, float) or not 0 <= rate < float("inf"):
        raise PeerError(f"a worker's rate limit must be a number of frames a second, not {rate!r}")
    return ev.WorkerJoined(name, slots, float(rate), capabilities.get("allow_custom") is True)
