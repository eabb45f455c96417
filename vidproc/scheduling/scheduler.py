"""The scheduler: events in, commands out, no socket, no clock and no chance inside.

A chunk's way: it waits, is leased to a slot, its result arrives and is persisted, then it is committed (acknowledged to
the daemon, put into the reorder buffer), then delivered to the muxer in order. Each step is an event, so that a crash
between any two of them is a case like any other.

Three rules make it safe whatever peers do:

- A lease lives in `_leases` from its grant until its result is kept or it is given up, and its id is never used again.
  What names any other lease changes nothing; that is the fence against results that come late or twice.
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

from collections.abc import Sequence
from functools import singledispatchmethod
from math import inf

from vidproc.errors import CannotContinueError, WorkerError
from vidproc.model import LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling import fair_share, invariants, isolation, placement
from vidproc.scheduling.assignment import Assignment
from vidproc.scheduling.backoffs import Backoffs
from vidproc.scheduling.figures import JobFigures, figures_of, reason_to_wait
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState
from vidproc.scheduling.policies import Failure, Jitter, Policy, sentence
from vidproc.scheduling.rates import TokenBucket
from vidproc.scheduling.stages import Stage
from vidproc.scheduling.workers import Lease, Slot, Tail, Worker


class Scheduler:
    """Drive it with `handle`; everything else only looks."""

    def __init__(self, policy: Policy, rng: Jitter, leases_from: int = 0) -> None:
        """Leases are numbered from behind `leases_from`: a daemon may still speak of those of an earlier scheduler."""
        self._policy = policy
        self._rng = rng
        self._workers: dict[str, Worker] = {}
        self._jobs: dict[str, Job] = {}
        self._stages: dict[str, Stage] = {}
        self._leases: dict[int, Lease] = {}
        self._assignment = Assignment(self._workers, self._jobs, self._leases, policy)
        self._backoffs = Backoffs()
        self._last_lease = leases_from
        self._last_job = 0
        self._retries = 0
        self._commands: list[ev.Command] = []

    def handle(self, event: ev.Event, now: float) -> list[ev.Command]:
        """Take in one event at the time `now` (seconds of any clock that never goes back), and say what to do.

        The commands are to be carried out in order. A `WakeAt`, always the last, holds until the next event.
        Raises `ValueError` for an event that only a bug of the caller can make, such as a job submitted twice.
        """
        self._commands = []
        self._end_backoffs(now)
        self._on(event, now)
        self._assign(now)
        self._ask_to_be_woken(now)
        return self._commands

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

    def attempts(self, job: str, chunk: int) -> int:
        """How often a chunk that is not delivered yet was leased."""
        record = self._jobs[job].records.get(chunk) if job in self._jobs else None
        return record.attempts if record else 0

    @property
    def queued(self) -> int:
        """Chunks of all jobs that wait for a slot or for the end of a backoff."""
        return sum(self.figures(job).queued for job in self._jobs)

    @property
    def leased(self) -> int:
        """Slots at work."""
        return sum(worker.busy for worker in self._workers.values())

    @property
    def slots(self) -> int:
        """Slots of all daemons that take work."""
        return sum(len(worker.slots) for worker in self._workers.values() if not worker.draining)

    @property
    def retries(self) -> int:
        """Leases so far, of all jobs, that were not the first of their chunk."""
        return self._retries

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
        self._lose(event.worker, now)
        bucket = TokenBucket(event.rate_limit, self._policy.burst, now)
        worker = Worker(event.worker, event.allow_custom, bucket)
        worker.slots = [Slot(worker, number) for number in range(event.slots)]
        self._workers[event.worker] = worker

    @_on.register
    def _worker_lost(self, event: ev.WorkerLost, now: float) -> None:
        self._lose(event.worker, now)

    @_on.register
    def _worker_draining(self, event: ev.WorkerDraining, now: float) -> None:
        if event.worker in self._workers:
            self._workers[event.worker].draining = True
            self._take_all_back(self._workers[event.worker], now)
            self._unseat(self._workers[event.worker].slots)
            self._unclaim(self._workers[event.worker])

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
            lease = self._live(number)
            if lease is not None and lease is lease.slot.lease:
                lease.note_progress(frames, now)

    @_on.register
    def _chunk_finished(self, event: ev.ChunkFinished, now: float) -> None:
        lease = self._live(event.lease)
        if lease is None:
            self._commands.append(ev.Discard(event.lease))
        elif not lease.finished:
            self._stop_other(lease, now)
            lease.finished = True
            lease.slot.note_begun(lease)
            lease.slot.worker.clear()
            self._note_pace(lease, now)
            open_end = event.can_continue and lease.open_end
            self._leave(lease, Tail(lease.job, lease.chunk) if open_end else None, now)
            job, record = self._of(lease)
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

    def _stop_other(self, lease: Lease, now: float) -> None:
        """Of two leases of a chunk the first that is finished counts, or whose filter raises."""
        record = self._of(lease)[1]
        other = record.lease if lease is record.second else record.second
        if other is not None:
            self._void(other, now)
            self._withdraw(other)

    @_on.register
    def _chunk_failed(self, event: ev.ChunkFailed, now: float) -> None:
        lease = self._live(event.lease)
        if lease is None:
            return
        lease.slot.note_begun(lease)
        if lease.continues and event.code == CannotContinueError.code:
            self._of(lease)[1].afresh = True
            self._give_back(lease, now)
        else:
            failure = Failure(event.code, event.message, event.retryable, event.frame, event.slot_lost, event.call)
            self._failed(lease, failure, now)

    @_on.register
    def _chunk_persisted(self, event: ev.ChunkPersisted, now: float) -> None:
        lease = self._live(event.lease)
        if lease is None or not lease.finished:
            self._commands.append(ev.Discard(event.lease))
            return
        job, record = self._of(lease)
        self._void(lease, now)
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
            self._forget(self._jobs[event.job], now)

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
            self._forget(job, now)

    # Failure

    def _lose(self, name: str, now: float) -> None:
        worker = self._workers.pop(name, None)
        if worker is None:
            return
        failure = Failure(WorkerError.code, f"the connection to daemon {name} was lost", retryable=True, lost=True)
        self._take_all_back(worker, now)
        for slot in worker.slots:
            # Read one by one: the failure of a job voids its leases on the other slots too.
            if slot.lease is not None:
                self._failed(slot.lease, failure, now)
        self._unseat(worker.slots)
        self._unclaim(worker)

    def _unclaim(self, worker: Worker) -> None:
        """No chunk can have this daemon for itself any more."""
        for job in self._jobs.values():
            for record in job.records.values():
                if record.host is worker:
                    record.unclaim()

    def _unseat(self, slots: Sequence[Slot]) -> None:
        """Whatever stages kept in these slots' processes is gone."""
        for stage in self._stages.values():
            if stage.seat in slots:
                stage.unseat()

    def _failed(self, lease: Lease, failure: Failure, now: float) -> None:
        job, record = self._of(lease)
        worker = lease.slot.worker
        if failure.of_the_daemon and not isolation.is_of_the_frame(record, failure):
            worker.set_back(lease.granted, now, self._policy)
            self._take_all_back(worker, now, but=lease)
        forgiven = record.second is not None and failure.of_the_daemon and failure.retryable
        if not forgiven:
            self._stop_other(lease, now)
        self._void(lease, now)
        if failure.lost:
            lease.slot.tail = None
            self._unseat([lease.slot])
        if not forgiven:
            self._count_failure(job, record, worker, failure, now)

    def _count_failure(self, job: Job, record: ChunkRecord, worker: Worker, failure: Failure, now: float) -> None:
        record.failed_on[worker.name] += 1
        if failure.for_memory and not record.spared and job.moves and self._stays(worker):
            record.claim(worker)
        else:
            record.losses += failure.lost
            record.errors += not failure.lost
            if not isolation.is_tried_again(job, record, failure, self._policy):
                message = sentence(record.chunk, failure, record.attempts) + isolation.remark(job, failure)
                self._commands.append(ev.FailJob(job.name, failure.code, message, job.retries))
                self._forget(self._jobs[job.name], now)
                return
        if failure.lost or record.host is not None:
            job.move(record, ChunkState.WAITING)
        else:
            self._back_off(job, record, now)
        job.unseat()

    def _stays(self, worker: Worker) -> bool:
        return self._workers.get(worker.name) is worker and not worker.draining

    def _back_off(self, job: Job, record: ChunkRecord, now: float) -> None:
        until = now + self._policy.backoff(record.errors, self._rng)
        job.move(record, ChunkState.BACKING_OFF)
        self._backoffs.add(until, job.id, record.chunk.index)

    def _live(self, lease: int) -> Lease | None:
        """The fence: every event that names a lease passes here."""
        return self._leases.get(lease)

    def _of(self, lease: Lease) -> tuple[Job, ChunkRecord]:
        job = self._jobs[lease.job]
        return job, job.records[lease.chunk.index]

    def _void(self, lease: Lease, now: float) -> None:
        """From here on nothing that names this lease counts."""
        del self._leases[lease.id]
        job, record = self._of(lease)
        record.let_go(lease)
        job.settle(lease, now)
        self._leave(lease, None, now)

    def _leave(self, lease: Lease, tail: Tail | None, now: float) -> None:
        """Its slot is done with it, as `Slot.release` says. What was to go on from it there can't without a tail."""
        slot = lease.slot
        self._of(lease)[1].unclaim()
        if lease is slot.lease and tail is None and slot.ahead is not None and slot.ahead.continues:
            self._take_back(slot.ahead, now)
        slot.release(lease, tail, now)

    def _give_back(self, lease: Lease, now: float) -> None:
        """Its chunk waits as if it had not been granted."""
        job, record = self._of(lease)
        self._void(lease, now)
        lease.slot.worker.bucket.spend(-lease.chunk.frames, now)
        if record.lease is not None:
            return
        self._retries += job.count_attempt(record, -1)
        job.move(record, ChunkState.WAITING)
        job.not_begun()

    def _take_back(self, lease: Lease, now: float) -> None:
        """What lies ahead of a slot is to lie there no more."""
        self._give_back(lease, now)
        self._withdraw(lease)

    def _take_all_back(self, worker: Worker, now: float, but: Lease | None = None) -> None:
        for slot in worker.slots:
            if slot.ahead is not None and slot.ahead is not but:
                self._take_back(slot.ahead, now)

    def _withdraw(self, lease: Lease) -> None:
        worker = lease.slot.worker
        if not lease.finished and self._workers.get(worker.name) is worker:
            self._commands.append(ev.Withdraw(lease.id, worker.name))
            if lease.begun < inf:  # it is in the middle of it: its process will be killed
                self._unseat([lease.slot])

    def _forget(self, job: Job, now: float) -> None:
        if stage := self._stages.pop(job.id, None):
            self._forget(stage, now)
        # The newest first: what lies ahead of a slot before what it works on, or it would begin there.
        for lease in [lease for lease in reversed(self._leases.values()) if lease.job == job.id]:
            self._void(lease, now)
            self._withdraw(lease)
        for worker in self._workers.values():
            for slot in worker.slots:
                if slot.tail is not None and slot.tail.job == job.id:
                    slot.tail = None
        self._backoffs.forget(job.id)
        for record in job.records.values():
            record.unclaim()
        del self._jobs[job.id]

    # Leases

    def _assign(self, now: float) -> None:
        fair_share.admit(list(self._jobs.values()), self._leases.values(), list(self._workers.values()))
        while (order := self._assignment.next_order(now)) is not None:
            if order.take_back is not None:
                self._take_back(order.take_back, now)
            self._grant(order.job, order.choice, now)

    def _grant(self, job: Job, choice: placement.Choice, now: float) -> None:
        slot, record = choice.slot, choice.record
        self._last_lease += 1
        work = placement.work_of(record, choice.continues, self._policy.lead_in_cost)
        kind = LeaseKind.FRAME if record.isolated else job.kind
        lease = Lease(self._last_lease, slot, job.id, record.chunk, kind, choice.continues, now, work, choice.second)
        self._leases[lease.id] = lease
        job.charge(lease, fair_share.cost(job, work, self._jobs.values()))
        slot.take(lease, now)
        slot.worker.bucket.spend(record.chunk.frames, now)
        if choice.second:
            record.second, record.rerun = lease, True
        else:
            record.lease = lease
            job.move(record, ChunkState.LEASED)
            self._retries += job.count_attempt(record, 1)
        job.seat_in(slot)
        continues = choice.continues or job.goes_on(record.chunk)
        self._commands.append(
            ev.Grant(
                lease.id, slot.worker.name, slot.number, job.name, record.chunk.index,
                record.attempts, lease.kind, continues, lease is slot.ahead, lease.second, job.replaying,
                job.faults_in(record.chunk),
            )
        )

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
