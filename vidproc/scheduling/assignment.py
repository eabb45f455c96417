"""Which slot gets which job's work next: a look over everybody, which changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from vidproc.model import LeaseKind
from vidproc.scheduling import placement, stragglers
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.stages import Stage
from vidproc.scheduling.workers import Lease, Slot, Worker

Which = Callable[[Worker], list[Slot]]


@dataclass(frozen=True, slots=True)
class _SecondRun:
    """What it would be: of a lease that is late from `late_at` on, at a free slot, for so many seconds."""

    lease: Lease
    late_at: float
    job: Job
    choice: placement.Choice
    seconds: float


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

    def next_second_run(self, now: float) -> tuple[Job, placement.Choice] | None:
        """Of the chunks that are late and would be done sooner by a free slot, the one that is left longest."""
        paying = [it for it in self._second_runs(now) if stragglers.pays(it.lease, it.seconds, it.late_at, now)]
        longest = max(paying, key=lambda it: stragglers.seconds_left(it.lease, now), default=None)
        return (longest.job, longest.choice) if longest is not None else None

    def next_chance(self, now: float) -> float:
        """When there will be something to lease because time has passed, as things stand; infinite if never."""
        times = [at for worker in self._workers.values() if (at := worker.ready_at(now)) > now and self._wanted(worker)]
        times += [stragglers.pays_at(it.lease, it.seconds, it.late_at) for it in self._second_runs(now)]
        return min((at for at in times if at > now), default=inf)

    def _wanted(self, worker: Worker) -> bool:
        """Whether it has a free slot and work to do."""
        jobs = self._jobs.values() if worker.free_slots() else ()
        return any(job.leasable and worker.accepts(job.custom) for job in jobs)

    def _ready(self, which: Which, now: float) -> list[Slot]:
        ready = [worker for worker in self._workers.values() if worker.ready_at(now) <= now]
        stages = [job for job in self._jobs.values() if isinstance(job, Stage)]
        found = (slot for worker in ready for slot in which(worker))
        return [slot for slot in found if not any(stage.keeps(slot) for stage in stages)]

    def _offer(self, job: Job, slots: Sequence[Slot]) -> placement.Offer:
        daemons = [worker for worker in self._workers.values() if worker.slots and worker.accepts(job.custom)]
        return placement.Offer([slot for slot in slots if slot.worker.accepts(job.custom)], daemons)

    def _second_runs(self, now: float) -> Iterator[_SecondRun]:
        """All that there could be, one for each chunk, preferably by another daemon."""
        free = [slot for slot in self._ready(Worker.free_slots, now) if not slot.worker.setbacks]
        for lease, job, record in self._held() if free else ():
            if lease is lease.slot.lease and lease.kind is LeaseKind.CHUNK and not record.rerun and job.pace:
                offer = self._offer(job, free)
                others = [slot for slot in offer.slots if slot.worker is not lease.slot.worker]
                choice = placement.begin_anew(job, record, replace(offer, slots=others or offer.slots), now)
                if choice is not None:
                    yield self._second_run(lease, job, replace(choice, second=True))

    def _second_run(self, lease: Lease, job: Job, choice: placement.Choice) -> _SecondRun:
        work = placement.work_of(choice.record, False, self._policy.lead_in_cost)
        seconds = work / choice.slot.speed if choice.slot.speed else work * job.pace
        return _SecondRun(lease, lease.begun + self._policy.late_after * lease.work * job.pace, job, choice, seconds)

    def _ahead(self) -> Iterator[tuple[Lease, Job, ChunkRecord]]:
        """All that lies ahead of slots, but for what can be done nowhere else."""
        for lease, job, record in self._held():
            if lease is lease.slot.ahead and not (isinstance(job, Stage) and job.pinned):
                yield lease, job, record

    def _held(self) -> Iterator[tuple[Lease, Job, ChunkRecord]]:
        for lease in self._leases.values():
            job = self._jobs[lease.job]
            yield lease, job, job.records[lease.chunk.index]
