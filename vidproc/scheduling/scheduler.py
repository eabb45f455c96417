"""The scheduler: events in, commands out, no socket, no clock and no chance inside.

A chunk's way: it waits, is leased to a slot, its result arrives and is persisted, then it is committed (acknowledged to
the daemon, put into the reorder buffer), then delivered to the muxer in order. Each step is an event, so that a crash
between any two of them is a case like any other.

Three rules make it safe whatever peers do:

- A lease lives from its grant until its result is kept or it is given up, and its id is never used again. What names
  any other lease changes nothing; that is the fence against results that come late or twice.
- A slot is done with a lease from the moment its result has arrived or it was withdrawn: peers take commands in order,
  and a withdrawn lease needs no answer.
- A result that has arrived is kept though its daemon vanishes meanwhile.

After each event every free slot is offered to the jobs, the one that has had least first (`fair_share`); `placement`
chooses within the job. Then every slot at work is offered one more lease, which its daemon holds until the slot gets to
it, so that it need not wait for the way there and back. Such a lease is granted on the assumption that all goes well.
It is taken back, and was as good as never granted, when its slot's decoder turns out not to be open for it, when the
daemon leaves or its slots die, when a free slot would be done with it sooner, and when it is another job's turn.

A slot that is free still is offered the chunks that others are late with (`stragglers`). Such a chunk has two leases
then; the first result counts, and the other lease is withdrawn.
"""

from __future__ import annotations

from functools import singledispatchmethod
from math import inf

from vidproc.errors import CannotContinueError
from vidproc.model import LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling import fair_share, invariants
from vidproc.scheduling.assignment import Assignment
from vidproc.scheduling.failures import Failures
from vidproc.scheduling.figures import JobFigures, figures_of, reason_to_wait
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.leasing import Leasing
from vidproc.scheduling.lifecycle import ChunkState
from vidproc.scheduling.policies import Failure, Jitter, Policy
from vidproc.scheduling.rates import TokenBucket
from vidproc.scheduling.stages import Stage
from vidproc.scheduling.tables import Tables
from vidproc.scheduling.workers import Lease, Slot, Tail, Worker


class Scheduler:
    """Drive it with `handle`; everything else only looks."""

    def __init__(self, policy: Policy, rng: Jitter, leases_from: int = 0) -> None:
        """Leases are numbered from behind `leases_from`: a daemon may still speak of those of an earlier scheduler."""
        tables = Tables()
        self._workers = tables.workers
        self._jobs = tables.jobs
        self._stages = tables.stages
        self._leases = tables.leases
        self._backoffs = tables.backoffs
        self._commands = tables.commands
        self._policy = policy
        self._leasing = Leasing(tables, policy, leases_from)
        self._failures = Failures(tables, self._leasing, policy, rng)
        self._assignment = Assignment(self._workers, self._jobs, self._leases, policy)
        self._last_job = 0

    def handle(self, event: ev.Event, now: float) -> list[ev.Command]:
        """Take in one event at the time `now` (seconds of any clock that never goes back), and say what to do.

        The commands are to be carried out in order. A `WakeAt`, always the last, holds until the next event.
        Raises `ValueError` for an event that only a bug of the caller can make, such as a job submitted twice.
        """
        self._commands.clear()
        self._end_backoffs(now)
        self._on(event, now)
        self._assign(now)
        self._ask_to_be_woken(now)
        return list(self._commands)

    def validate(self) -> None:
        """Raises `AssertionError` if an invariant is broken."""
        invariants.check(self._workers, self._jobs, self._leases, self._policy)

    # What the shell may ask

    def is_live(self, lease: int) -> bool:
        """Whether a result of this lease would still count."""
        return lease in self._leases

    def figures(self, job: str) -> JobFigures:
        """Counts of a job's chunks and frames; all zero for a job that is not, or no longer, known."""
        return figures_of(self._jobs[job]) if job in self._jobs else JobFigures()

    def why_waiting(self, id: str) -> str:
        """Why nothing of this job is being worked on, or "" if something is or nothing waits."""
        parts = [job for job in self._jobs.values() if job.name == id]
        return reason_to_wait(parts, list(self._workers.values())) if parts else ""

    # Events

    @singledispatchmethod
    def _on(self, event: object, now: float) -> None:
        raise TypeError(f"not an event: {event!r}")

    @_on.register
    def _worker_joined(self, event: ev.WorkerJoined, now: float) -> None:
        self._failures.lose(event.worker, now)
        bucket = TokenBucket(event.rate_limit, self._policy.burst, now)
        worker = Worker(event.worker, event.allow_custom, bucket)
        worker.slots = [Slot(worker, number) for number in range(event.slots)]
        self._workers[event.worker] = worker

    @_on.register
    def _worker_lost(self, event: ev.WorkerLost, now: float) -> None:
        self._failures.lose(event.worker, now)

    @_on.register
    def _worker_draining(self, event: ev.WorkerDraining, now: float) -> None:
        if event.worker in self._workers:
            self._workers[event.worker].draining = True
            self._leasing.take_all_back(self._workers[event.worker], now)
            self._leasing.unseat(self._workers[event.worker].slots)
            self._failures.unclaim(self._workers[event.worker])

    @_on.register
    def _worker_limited(self, event: ev.WorkerLimited, now: float) -> None:
        if event.worker in self._workers:
            self._workers[event.worker].bucket.change(event.rate_limit, now)

    @_on.register
    def _job_submitted(self, event: ev.JobSubmitted, now: float) -> None:
        if event.job in self._jobs:
            raise ValueError(f"job {event.job} was submitted before")
        self._last_job += 1
        job = Job(event.job, event.custom, event.in_flight, self._last_job, event.isolates)
        if event.stage is not None:
            stage = self._stages[job.id] = Stage(job, event.stage)
            self._jobs[stage.id] = stage  # before its job, so that it comes first where the two are as good
        self._jobs[job.id] = job

    @_on.register
    def _chunks_planned(self, event: ev.ChunksPlanned, now: float) -> None:
        job = self._jobs.get(event.job)
        if job is not None:
            job.plan(event.chunks, event.final, event.kept)
            if stage := self._stages.get(job.id):
                stage.plan(event.chunks, event.final)
            self._deliver(job)
            self._complete(job, now)

    @_on.register
    def _chunks_progressed(self, event: ev.ChunksProgressed, now: float) -> None:
        for number, frames in event.frames.items():
            lease = self._leasing.live(number)
            if lease is not None and lease is lease.slot.lease:
                lease.note_progress(frames, now)

    @_on.register
    def _chunk_finished(self, event: ev.ChunkFinished, now: float) -> None:
        lease = self._leasing.live(event.lease)
        if lease is None:
            self._commands.append(ev.Discard(event.lease))
        elif not lease.finished:
            self._leasing.stop_other(lease, now)
            lease.finished = True
            lease.slot.note_begun(lease)
            lease.slot.worker.clear()
            self._note_pace(lease, now)
            open_end = event.can_continue and lease.open_end
            self._leasing.leave(lease, Tail(lease.job, lease.chunk) if open_end else None, now)
            job, record = self._leasing.of(lease)
            job.move(record, ChunkState.PERSISTING)
            job.note_decoder(lease.chunk if event.can_continue else None)
            self._commands.append(ev.Persist(lease.id, job.name, lease.chunk.index))

    def _note_pace(self, lease: Lease, now: float) -> None:
        job = self._jobs[lease.job]
        job.settle(lease, now)
        if now > lease.begun:
            if lease.kind is LeaseKind.CHUNK:
                lease.slot.speed = lease.work / (now - lease.begun)
            job.note_pace(lease.work, now - lease.begun)

    @_on.register
    def _chunk_failed(self, event: ev.ChunkFailed, now: float) -> None:
        lease = self._leasing.live(event.lease)
        if lease is None:
            return
        lease.slot.note_begun(lease)
        if lease.continues and event.code == CannotContinueError.code:
            self._leasing.of(lease)[1].afresh = True
            self._leasing.give_back(lease, now)
        else:
            failure = Failure(event.code, event.message, event.retryable, event.frame, event.slot_lost, event.call)
            self._failures.failed(lease, failure, now)

    @_on.register
    def _chunk_persisted(self, event: ev.ChunkPersisted, now: float) -> None:
        lease = self._leasing.live(event.lease)
        if lease is None or not lease.finished:
            self._commands.append(ev.Discard(event.lease))
            return
        job, record = self._leasing.of(lease)
        self._leasing.void(lease, now)
        job.move(record, ChunkState.READY)
        job.reorder.add(record.chunk.index)
        worker = lease.slot.worker
        if self._workers.get(worker.name) is worker:
            self._commands.append(ev.Acknowledge(lease.id, worker.name))
        self._deliver(job)

    @_on.register
    def _chunk_delivered(self, event: ev.ChunkDelivered, now: float) -> None:
        job = self._jobs.get(event.job)
        if job is not None:
            job.delivered(event.chunk)
            self._deliver(job)
            if stage := self._stages.get(job.id):
                stage.balance()
            self._complete(job, now)

    @_on.register
    def _job_cancelled(self, event: ev.JobCancelled, now: float) -> None:
        if event.job in self._jobs:
            self._leasing.forget(self._jobs[event.job], now)

    @_on.register
    def _tick(self, event: ev.Tick, now: float) -> None:
        """What is due is looked for at every event."""

    # Delivery

    def _deliver(self, job: Job) -> None:
        if (index := job.take_ready()) is not None:
            self._commands.append(ev.Deliver(job.id, index))

    def _complete(self, job: Job, now: float) -> None:
        if job.complete:
            self._commands.append(ev.CompleteJob(job.id, job.retries))
            self._leasing.forget(job, now)

    # Leases

    def _assign(self, now: float) -> None:
        fair_share.admit(list(self._jobs.values()), self._leases.values(), list(self._workers.values()))
        while (order := self._assignment.next_order(now)) is not None:
            if order.take_back is not None:
                self._leasing.take_back(order.take_back, now)
            self._leasing.grant(order.job, order.choice, now)

    # Time

    def _end_backoffs(self, now: float) -> None:
        for name, chunk in self._backoffs.end(now):
            job = self._jobs[name]
            job.move(job.records[chunk], ChunkState.WAITING)
            job.unseat()

    def _ask_to_be_woken(self, now: float) -> None:
        at = min(self._assignment.next_chance(now), self._backoffs.next_end)
        if at < inf:
            self._commands.append(ev.WakeAt(at))
