"""The shell around the scheduler: events go in, and each command becomes a send, a write or a word to a job.

Nothing here decides. What a command means for the outside is a method named after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextvars import Context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import structlog
from msgspec import structs

from vidproc.coordinator.job import Done, Job
from vidproc.coordinator.tally import UNKNOWN, WORKER_LOST, Tally, reason_of
from vidproc.coordinator.worker_figures import WorkerFigures
from vidproc.errors import CannotContinueError, StorageError, VidprocError, from_code
from vidproc.model import Attempt, ChunkReport, LeaseKind, Outcome
from vidproc.protocol.messages import Committed, Message, Revoke
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler
from vidproc.storage.journal import Journal, KeptChunk, NoJournal
from vidproc.storage.result_file import ResultFile

_LONGEST = 500
"""Characters of what is kept of why an attempt failed."""

log = structlog.get_logger()


class WorkerLink(Protocol):
    """What dispatch needs of a daemon's connection."""

    name: str
    versions: Mapping[str, str]
    slots: int
    figures: WorkerFigures
    draining: bool

    def lease(self, grant: ev.Grant) -> None:
        """Send the lease and its packets; never waits."""

    def post(self, message: Message) -> None:
        """Send a control message; never waits."""

    def ask_to_drain(self) -> None:
        """It takes nothing more at once, and leaves when it is done."""


@dataclass(slots=True)
class _Lease:
    """A grant, since when its slot waits for it or works on it, and the seconds that it has spent reading and writing
    files. `began_at` is in seconds since 1970."""

    grant: ev.Grant
    since: float
    disk_s: float = 0.0
    began_at: float = field(default_factory=time.time)

    def attempt(self, outcome: Outcome, ended_at: float | None, code: str = "", message: str = "") -> Attempt:
        """As its job's history tells of it."""
        it = self.grant
        return Attempt(
            it.kind, it.chunk, it.attempt, it.worker, it.slot, self.began_at, ended_at,
            outcome, code, message, it.second,
        )  # fmt: skip


def named(grant: ev.Grant) -> dict[str, str | int]:
    """What lines of the log say that they are of."""
    it = grant
    return {
        "job": it.job, "chunk": it.chunk, "attempt": it.attempt, "worker": it.worker, "slot": it.slot, "lease": it.lease
    }  # fmt: skip


class Dispatch:
    """Jobs, daemons and leases by their names, and the scheduler over them."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal or NoJournal()
        self.scheduler = Scheduler(Policy(), random.Random(), leases_from=time.time_ns() // 1000)
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, WorkerLink] = {}
        self.tally = Tally()
        self._leases: dict[int, _Lease] = {}
        self._results: dict[int, tuple[ResultFile, ChunkReport]] = {}
        self._pending: deque[ev.Event] = deque()
        self._handling = False
        self._settled = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

    # Events

    def feed(self, event: ev.Event) -> None:
        """Have the scheduler handle an event; events that arise while its commands are carried out wait their turn."""
        self._pending.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._pending:
                now = asyncio.get_running_loop().time()
                for command in self.scheduler.handle(self._pending.popleft(), now):
                    self._carry_out(command)
        finally:
            self._handling = False

    def grant_of(self, lease: int) -> ev.Grant | None:
        held = self._leases.get(lease)
        return held.grant if held else None

    def grants(self) -> Iterator[ev.Grant]:
        """All leases that are out, those ahead among them."""
        return (held.grant for held in self._leases.values())

    def attempts(self, job_id: str) -> list[Attempt]:
        """The leases of a job that have not ended."""
        return [held.attempt(Outcome.RUNNING, None) for held in self._leases.values() if held.grant.job == job_id]

    def job_of(self, lease: int) -> Job | None:
        grant = self.grant_of(lease)
        return self.jobs.get(grant.job) if grant else None

    def worker_joined(self, link: WorkerLink, event: ev.WorkerJoined) -> None:
        self.workers[link.name] = link
        self.tally.worker_joined(link.name)
        self.feed(event)

    def worker_lost(self, link: WorkerLink) -> None:
        """Its leases are void, and so is what had come of their results."""
        self.workers.pop(link.name, None)
        self.tally.worker_left(link.name)
        self.feed(ev.WorkerLost(link.name))
        for lease in [n for n in self._leases if not self.scheduler.is_live(n)]:
            self._forget(lease, Outcome.LOST, message="its daemon's connection ended")

    def progressed(self, finished: Mapping[int, int]) -> None:
        """A daemon tells how many frames of its leases its slots have finished."""
        for lease, frames in finished.items():
            job = self.job_of(lease)
            if job is not None and lease in job.frames_in_hand:
                job.frames_in_hand[lease] = frames
        self.feed(ev.ChunksProgressed(finished))

    def result_begins(self, lease: int, size: int, sha256: str, report: ChunkReport) -> None:
        """A daemon announces a result; its blocks follow. That of a void lease is not kept, nor is a second one."""
        grant, job = self.grant_of(lease), self.job_of(lease)
        if grant is None or job is None or lease in self._results:
            return
        try:
            target = job.folder.stage(grant.chunk) if grant.kind is LeaseKind.STAGE else job.folder.chunk(grant.chunk)
            self._results[lease] = (ResultFile(target, lease, size, sha256), report)
        except StorageError as error:
            self.fail(job, error)

    def result_block(self, lease: int, data: bytes | memoryview) -> None:
        """Raises `ValueError` when a result is not what was announced."""
        if lease not in self._results:
            return
        (file, report), job = self._results[lease], self.job_of(lease)
        try:
            with self.disk(lease):
                whole = file.write(data)
            if whole:
                self._note_network(lease, report)
                self.feed(ev.ChunkFinished(lease, report.can_continue))
        except StorageError as error:
            if job is not None:
                self.fail(job, error)

    @contextlib.contextmanager
    def disk(self, lease: int) -> Iterator[None]:
        """Around what a lease reads or writes, to know what that took."""
        began = time.monotonic()
        try:
            yield
        finally:
            if held := self._leases.get(lease):
                held.disk_s += time.monotonic() - began

    def _note_network(self, lease: int, report: ChunkReport) -> None:
        """What neither the daemon nor this side's files account for, of the time from the grant to the result."""
        held, job = self._leases[lease], self.job_of(lease)
        if job is not None:
            whole_s = time.monotonic() - held.since
            self._spend(job, "network", max(0.0, whole_s - held.disk_s - sum(report.seconds.values())))
        self._note_turn(held.grant)

    def _spend(self, job: Job, part: str, seconds: float) -> None:
        job.spend(part, seconds)
        self.tally.spend(part, seconds)

    def _note_turn(self, done: ev.Grant) -> None:
        """A slot is done with a lease, and has waited so far for nothing of what lay ahead."""
        for held in self._leases.values():
            if (held.grant.worker, held.grant.slot) == (done.worker, done.slot) and held.grant.lease > done.lease:
                held.since = time.monotonic() - held.disk_s

    def lease_failed(self, event: ev.ChunkFailed) -> None:
        if grant := self.grant_of(event.lease):
            self._note_turn(grant)
        passed_on = event.code == CannotContinueError.code  # which is no failure
        outcome = Outcome.WITHDRAWN if passed_on else Outcome.FAILED
        self._forget(event.lease, outcome, event.code, event.message)
        self.feed(event)

    def fail(self, job: Job, error: VidprocError) -> None:
        """End a job for a reason that the scheduler does not know."""
        if job.fail(error):
            self.feed(ev.JobCancelled(job.id))

    # Commands

    def _carry_out(self, command: ev.Command) -> None:
        match command:
            case ev.Grant():
                self._grant(command)
            case ev.Withdraw(lease, worker):
                self._withdraw(lease, worker)
            case ev.Persist(lease):
                self._persist(lease)
            case ev.Discard(lease):
                self._discard(lease)
            case ev.Acknowledge(lease, worker):
                self._acknowledge(lease, worker)
            case ev.Deliver(job, chunk):
                self.jobs[job].deliveries.put_nowait(chunk)
            case ev.CompleteJob(job):
                self.jobs[job].deliveries.put_nowait(None)
            case ev.FailJob(job, code, message):
                self.jobs[job].fail(from_code(code, message))
            case ev.WakeAt(at):
                self._wake_at(at)

    def _grant(self, grant: ev.Grant) -> None:
        job = self.jobs[grant.job]
        self._leases[grant.lease] = _Lease(grant, time.monotonic())
        if grant.kind is LeaseKind.STAGE:
            assert job.staging is not None
            job.staging.note_attempt(grant)
        elif grant.second:
            job.second_runs += 1
            self.tally.second_runs += 1
        else:
            job.frames_in_hand[grant.lease] = 0
        if grant.kind is not LeaseKind.STAGE:
            self._note_retry(job, grant)
            job.attempts[grant.chunk] = grant.attempt
        log.debug("lease", kind=str(grant.kind), **named(grant))
        self.workers[grant.worker].lease(grant)

    def _note_retry(self, job: Job, grant: ev.Grant) -> None:
        """Once for each attempt, however often it is taken back and granted again."""
        if grant.attempt > job.attempts.get(grant.chunk, 1):
            self.tally.retries[self._why_again(job, grant)] += 1

    def _why_again(self, job: Job, grant: ev.Grant) -> str:
        """The leases of a daemon that is gone are forgotten when what it had in hand has been granted anew."""
        before = (held.grant for held in self._leases.values())
        if any((it.job, it.chunk) == (job.id, grant.chunk) and it.worker not in self.workers for it in before):
            return WORKER_LOST
        last = next((it for it in reversed(job.troubles) if it.chunk == grant.chunk), None)
        return reason_of(last.outcome, last.code) if last else UNKNOWN

    def _withdraw(self, lease: int, worker: str) -> None:
        if link := self.workers.get(worker):
            link.post(Revoke(lease))
        self._forget(lease, Outcome.WITHDRAWN)

    def _persist(self, lease: int) -> None:
        (file, report), grant = self._results[lease], self._leases[lease].grant
        job, link = self.jobs[grant.job], self.workers[grant.worker]
        try:
            with self.disk(lease):
                file.discard() if grant.replays else file.keep()
        except StorageError as error:
            self._withdraw(grant.lease, grant.worker)
            self.fail(job, error)
            return
        del self._results[lease]
        done = Done(report, link.name, grant.slot, link.versions)
        then = partial(self._kept, job, grant, done)
        if job.staging is None:
            kept = KeptChunk(grant.chunk, file.size, file.sha256, report, done.worker, done.slot, done.versions)
            self._journal.keep_chunk(job.id, kept, then)
        else:  # such a job begins anew with its stage
            then(None)

    def _discard(self, lease: int) -> None:
        """Its daemon waits to hear what became of it."""
        if grant := self.grant_of(lease):
            self._withdraw(lease, grant.worker)

    def _kept(self, job: Job, grant: ev.Grant, done: Done, error: VidprocError | None) -> None:
        """A result is written down, or can't be: it is on disk, so that harms nobody but a coordinator to come, which
        has it made again. Its job may have ended meanwhile, and its daemon have left."""
        if error is not None:
            log.warning("a chunk cannot be written down", job=job.id, chunk=grant.chunk, error=str(error))
        self._note_done(job, grant, done)
        self.feed(ev.ChunkPersisted(grant.lease))
        if not self.scheduler.is_live(grant.lease):
            self._forget(grant.lease, Outcome.DONE)

    def _note_done(self, job: Job, grant: ev.Grant, done: Done) -> None:
        seconds = round(sum(done.report.seconds.values()), 3)
        log.debug("chunk done", kind=str(grant.kind), frames=done.report.frames, seconds=seconds, **named(grant))
        if grant.kind is not LeaseKind.STAGE:
            job.keep(grant.chunk, done)
            job.second_runs_won += grant.second
            self.tally.second_runs_won += grant.second
            self.tally.chunk_done(done.report, done.worker, job.spec.on_error)
        elif job.staging is not None:
            self.tally.slots_spent(done.report)
            job.staging.keep(job.chunks[grant.chunk], done.report, grant.replays)
            job.stage_done.append(replace(done, report=structs.replace(done.report, frames=0, made_sizes=())))

    def _acknowledge(self, lease: int, worker: str) -> None:
        self._forget(lease, Outcome.DONE)
        if link := self.workers.get(worker):
            link.post(Committed(lease))

    def _wake_at(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        loop = asyncio.get_running_loop()
        # In no context: what the log then says is not of the job, or the worker, whose event happened to ask for it.
        self._alarm = loop.call_at(at, self.feed, ev.Tick(), context=Context())

    def _forget(self, lease: int, outcome: Outcome, code: str = "", message: str = "") -> None:
        held = self._leases.pop(lease, None)
        self._settled.set()
        if held is not None and held.grant.job in self.jobs:
            job = self.jobs[held.grant.job]
            job.frames_in_hand.pop(lease, None)
            self._spend(job, "disk", held.disk_s)
            self.tally.lease_ended(outcome, code)
            attempt = held.attempt(outcome, time.time(), code, message[:_LONGEST])
            self._journal.note_attempt(job.id, attempt)
            if outcome in (Outcome.FAILED, Outcome.LOST):
                job.troubles.append(attempt)
        self._drop_result(lease)

    def _drop_result(self, lease: int) -> None:
        if lease in self._results:
            self._results.pop(lease)[0].discard()

    async def drain(self, limit_s: float) -> None:
        """Lease no more, and wait until what slots have in hand is kept, for so long at most."""
        for name in list(self.workers):
            self.feed(ev.WorkerDraining(name))
        if self._leases:
            log.info("chunks in hand are waited for", leases=len(self._leases))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._leases:
                    self._settled.clear()
                    await self._settled.wait()

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        for lease in list(self._leases):
            self._forget(lease, Outcome.LOST, message="the coordinator stopped")
