"""A lease's way from its grant to its end, and what else ends with it. While it lives it stands in the table."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from vidproc.model import LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling import fair_share, placement
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.tables import Tables
from vidproc.scheduling.workers import Lease, Slot, Tail, Worker


class Leasing:
    def __init__(self, tables: Tables, policy: Policy, last: int) -> None:
        """`last`: the highest number that a lease has had."""
        self._tables = tables
        self._policy = policy
        self._last = last

    def live(self, lease: int) -> Lease | None:
        """The fence: every event that names a lease passes here."""
        return self._tables.leases.get(lease)

    def of(self, lease: Lease) -> tuple[Job, ChunkRecord]:
        job = self._tables.jobs[lease.job]
        return job, job.records[lease.chunk.index]

    def grant(self, job: Job, choice: placement.Choice, now: float) -> None:
        slot, record = choice.slot, choice.record
        self._last += 1
        work = placement.work_of(record, choice.continues, self._policy.lead_in_cost)
        kind = LeaseKind.FRAME if record.isolated else job.kind
        lease = Lease(self._last, slot, job.id, record.chunk, kind, choice.continues, now, work, choice.second)
        self._tables.leases[lease.id] = lease
        job.charge(lease, fair_share.cost(job, work, self._tables.jobs.values()))
        slot.take(lease, now)
        slot.worker.bucket.spend(record.chunk.frames, now)
        if choice.second:
            record.second, record.rerun = lease, True
        else:
            record.lease = lease
            job.move(record, ChunkState.LEASED)
            job.count_attempt(record, 1)
        job.seat_in(slot)
        continues = choice.continues or job.goes_on(record.chunk)
        self._tables.commands.append(
            ev.Grant(
                lease.id, slot.worker.name, slot.number, job.name, record.chunk.index,
                record.attempts, lease.kind, continues, lease is slot.ahead, lease.second, job.replaying,
                job.faults_in(record.chunk),
            )
        )

    def leave(self, lease: Lease, tail: Tail | None, now: float) -> None:
        """Its slot is done with it, as `Slot.release` says. What was to go on from it there can't without a tail."""
        slot = lease.slot
        self.of(lease)[1].unclaim()
        if lease is slot.lease and tail is None and slot.ahead is not None and slot.ahead.continues:
            self.take_back(slot.ahead, now)
        slot.release(lease, tail, now)

    def void(self, lease: Lease, now: float) -> None:
        """From here on nothing that names this lease counts."""
        del self._tables.leases[lease.id]
        job, record = self.of(lease)
        record.let_go(lease)
        job.settle(lease, now)
        self.leave(lease, None, now)

    def give_back(self, lease: Lease, now: float) -> None:
        """Its chunk waits as if it had not been granted."""
        job, record = self.of(lease)
        self.void(lease, now)
        lease.slot.worker.bucket.spend(-lease.chunk.frames, now)
        if record.lease is not None:
            return
        job.count_attempt(record, -1)
        job.move(record, ChunkState.WAITING)
        job.not_begun()

    def take_back(self, lease: Lease, now: float) -> None:
        """What lies ahead of a slot is to lie there no more."""
        self.give_back(lease, now)
        self.withdraw(lease)

    def take_all_back(self, worker: Worker, now: float, but: Lease | None = None) -> None:
        for slot in worker.slots:
            if slot.ahead is not None and slot.ahead is not but:
                self.take_back(slot.ahead, now)

    def stop_other(self, lease: Lease, now: float) -> None:
        """Of two leases of a chunk the first that is finished counts, or whose filter raises."""
        record = self.of(lease)[1]
        other = record.lease if lease is record.second else record.second
        if other is not None:
            self.void(other, now)
            self.withdraw(other)

    def withdraw(self, lease: Lease) -> None:
        worker = lease.slot.worker
        if not lease.finished and self._tables.workers.get(worker.name) is worker:
            self._tables.commands.append(ev.Withdraw(lease.id, worker.name))
            if lease.begun < inf:  # it is in the middle of it: its process will be killed
                self.unseat([lease.slot])

    def unseat(self, slots: Sequence[Slot]) -> None:
        """Whatever stages kept in these slots' processes is gone."""
        for stage in self._tables.stages.values():
            if stage.seat in slots:
                stage.unseat()

    def forget(self, job: Job, now: float) -> None:
        if stage := self._tables.stages.pop(job.id, None):
            self.forget(stage, now)
        # The newest first: what lies ahead of a slot before what it works on, or it would begin there.
        for lease in [lease for lease in reversed(self._tables.leases.values()) if lease.job == job.id]:
            self.void(lease, now)
            self.withdraw(lease)
        for worker in self._tables.workers.values():
            for slot in worker.slots:
                if slot.tail is not None and slot.tail.job == job.id:
                    slot.tail = None
        self._tables.backoffs.forget(job.id)
        for record in job.records.values():
            record.unclaim()
        del self._tables.jobs[job.id]
