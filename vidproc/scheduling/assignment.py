"""Which slot gets which job's work next: a look over everybody, which changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from vidproc.scheduling import placement
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.stages import Stage
from vidproc.scheduling.workers import Lease, Slot, Worker

Which = Callable[[Worker], list[Slot]]


class Assignment:
    """Looks at the scheduler's own tables of daemons, jobs and leases."""

    def __init__(
        self, workers: Mapping[str, Worker], jobs: Mapping[str, Job], leases: Mapping[int, Lease], policy: Policy
    ) -> None:
        self._workers = workers
        self._jobs = jobs
        self._leases = leases
        self._policy = policy

    def next_choice(self, which: Which, now: float) -> tuple[Job, placement.Choice] | None:
        """The next lease for one of those slots of daemons that are ready; None if there is nothing for any."""
        jobs = [job for job in self._jobs.values() if job.leasable]
        slots = self._ready(which, now) if jobs else []
        for job in sorted(jobs, key=lambda job: (job.counts[ChunkState.LEASED], job.order)) if slots else ():
            offer = self._offer(job, slots)
            choice = self._choose(job, offer, now) if offer.slots else None
            if choice is not None:
                return job, choice
        return None

    def _choose(self, job: Job, offer: placement.Offer, now: float) -> placement.Choice | None:
        cost = self._policy.lead_in_cost
        return job.choose(offer, cost, now) if isinstance(job, Stage) else placement.choose(job, offer, cost, now)

    def next_move(self, now: float) -> tuple[Lease, Job, placement.Choice] | None:
        """A lease that lies ahead of a slot at work and would be done much sooner by a free one, with its new place."""
        free = self._ready(Worker.free_slots, now)
        moves = (
            (placement.gain_of_moving(lease, record, self._policy.lead_in_cost, now), -lease.id, lease, job, choice)
            for lease, job, record in (self._ahead() if free else ())
            if (choice := placement.begin_anew(job, record, self._offer(job, free), now)) is not None
        )
        best = max(moves, default=None)
        return best[2:] if best is not None and best[0] > 0 else None

    def waits_until(self, worker: Worker, now: float) -> float:
        """When a daemon may go on that has a free slot and work to do, and only rests or lacks tokens; else `now`."""
        at = worker.ready_at(now)
        if at <= now or not worker.free_slots():
            return now
        wanted = any(job.leasable and worker.accepts(job.custom) for job in self._jobs.values())
        return at if wanted else now

    def _ready(self, which: Which, now: float) -> list[Slot]:
        ready = [worker for worker in self._workers.values() if worker.ready_at(now) <= now]
        stages = [job for job in self._jobs.values() if isinstance(job, Stage)]
        found = (slot for worker in ready for slot in which(worker))
        return [slot for slot in found if not any(stage.keeps(slot) for stage in stages)]

    def _offer(self, job: Job, slots: Sequence[Slot]) -> placement.Offer:
        daemons = [worker for worker in self._workers.values() if worker.slots and worker.accepts(job.custom)]
        return placement.Offer([slot for slot in slots if slot.worker.accepts(job.custom)], daemons)

    def _ahead(self) -> Iterator[tuple[Lease, Job, ChunkRecord]]:
        """All that lies ahead of slots, but for what can be done nowhere else."""
        for lease in self._leases.values():
            job = self._jobs[lease.job]
            if lease is lease.slot.ahead and not (isinstance(job, Stage) and job.pinned):
                yield lease, job, job.records[lease.chunk.index]
