"""What becomes of a chunk that failed, or whose daemon was lost: whether it is tried again, where, and when."""

from __future__ import annotations

from vidproc.errors import WorkerError
from vidproc.scheduling import events as ev
from vidproc.scheduling import isolation
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.leasing import Leasing
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState
from vidproc.scheduling.policies import Failure, Jitter, Policy, sentence
from vidproc.scheduling.tables import Tables
from vidproc.scheduling.workers import Lease, Worker


class Failures:
    def __init__(self, tables: Tables, leasing: Leasing, policy: Policy, rng: Jitter) -> None:
        self._tables = tables
        self._leasing = leasing
        self._policy = policy
        self._rng = rng

    def lose(self, name: str, now: float) -> None:
        worker = self._tables.workers.pop(name, None)
        if worker is None:
            return
        failure = Failure(WorkerError.code, f"the connection to daemon {name} was lost", retryable=True, lost=True)
        self._leasing.take_all_back(worker, now)
        for slot in worker.slots:
            # Read one by one: the failure of a job voids its leases on the other slots too.
            if slot.lease is not None:
                self.failed(slot.lease, failure, now)
        self._leasing.unseat(worker.slots)
        self.unclaim(worker)

    def failed(self, lease: Lease, failure: Failure, now: float) -> None:
        job, record = self._leasing.of(lease)
        worker = lease.slot.worker
        if failure.of_the_daemon and not isolation.is_of_the_frame(record, failure):
            worker.set_back(lease.granted, now, self._policy)
            self._leasing.take_all_back(worker, now, but=lease)
        forgiven = record.second is not None and failure.of_the_daemon and failure.retryable
        if not forgiven:
            self._leasing.stop_other(lease, now)
        self._leasing.void(lease, now)
        if failure.lost:
            lease.slot.tail = None
            self._leasing.unseat([lease.slot])
        if not forgiven:
            self._count_failure(job, record, worker, failure, now)

    def unclaim(self, worker: Worker) -> None:
        """No chunk can have this daemon for itself any more."""
        for job in self._tables.jobs.values():
            for record in job.records.values():
                if record.host is worker:
                    record.unclaim()

    def _count_failure(self, job: Job, record: ChunkRecord, worker: Worker, failure: Failure, now: float) -> None:
        record.failed_on[worker.name] += 1
        if failure.for_memory and not record.spared and job.moves and self._stays(worker):
            record.claim(worker)
        else:
            record.losses += failure.lost
            record.errors += not failure.lost
            if not isolation.is_tried_again(job, record, failure, self._policy):
                message = sentence(record.chunk, failure, record.attempts) + isolation.remark(job, failure)
                self._tables.commands.append(ev.FailJob(job.name, failure.code, message, job.retries))
                self._leasing.forget(self._tables.jobs[job.name], now)
                return
        if failure.lost or record.host is not None:
            job.move(record, ChunkState.WAITING)
        else:
            self._back_off(job, record, now)
        job.unseat()

    def _stays(self, worker: Worker) -> bool:
        return self._tables.workers.get(worker.name) is worker and not worker.draining

    def _back_off(self, job: Job, record: ChunkRecord, now: float) -> None:
        until = now + self._policy.backoff(record.errors, self._rng)
        job.move(record, ChunkState.BACKING_OFF)
        self._tables.backoffs.add(until, job.id, record.chunk.index)
