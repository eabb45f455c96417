"""Which slot gets which job's work next: a look over everybody, which changes nothing."""

from __future__ import annotations

import functools
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from vidproc.scheduling import fair_share, placement, stragglers
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.stages import Stage
from vidproc.scheduling.workers import Lease, Slot, Worker

_Which = Callable[[Worker], list[Slot]]
_How = Callable[[Job, placement.Offer], placement.Choice | None]
_ByJob = Mapping[str, Sequence[ChunkRecord]]


@dataclass(frozen=True, slots=True)
class Order:
    """Lease this, after that other lease was taken back."""

    job: Job
    choice: placement.Choice
    take_back: Lease | None = None


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

    def next_order(self, now: float) -> Order | None:
        """The best that can be done next, if anything."""
        free = self._ready(Worker.free_slots, now)
        return (
            self._for_free_slots(free, now) or self._second_run(free, now) or self._claim(now) or self._read_ahead(now)
        )

    def _for_free_slots(self, free: Sequence[Slot], now: float) -> Order | None:
        """What waits, or lies ahead of a slot at work and is done sooner by a free one."""
        ahead = self._ahead() if free else {}

        def choose(job: Job) -> placement.Choice | None:
            offer = self._offer(job, free, ahead.get(job.id, ()))
            how = functools.partial(placement.choose, lead_in_cost=self._policy.lead_in_cost, now=now)
            return self._chosen(job, offer, how)

        return _first((job for job in self._jobs.values() if free and (job.leasable or job.id in ahead)), choose)

    def _read_ahead(self, now: float) -> Order | None:
        slots = self._ready(Worker.slots_to_read_ahead, now) if self._policy.read_ahead else ()

        def choose(job: Job) -> placement.Choice | None:
            offer = self._offer(job, slots)
            return self._chosen(job, offer, functools.partial(placement.choose_ahead, now=now))

        return _first((job for job in self._jobs.values() if slots and job.leasable), choose)

    def _chosen(self, job: Job, offer: placement.Offer, how: _How) -> placement.Choice | None:
        if not (offer.slots or offer.kept):
            return None
        return job.seated(offer) if isinstance(job, Stage) and job.seated_only else how(job, offer)

    def _second_run(self, free: Sequence[Slot], now: float) -> Order | None:
        """Of the chunks that are late and would be done sooner by a free slot, the one that is left longest."""
        runs = self._second_runs(free, now)
        paying = [it for it in runs if stragglers.pays(it.lease, it.seconds, it.late_at, now)]
        longest = max(paying, key=lambda it: stragglers.seconds_left(it.lease, now), default=None)
        return Order(longest.job, longest.choice) if longest is not None else None

    def _claim(self, now: float) -> Order | None:
        """What lies ahead of a slot for one job, and by rights is the turn of another."""
        for job, lease in fair_share.claims(list(self._jobs.values()), self._leases.values()):
            worker = lease.slot.worker
            ready = worker.reads_ahead and worker.ready_at(now) <= now
            offer = self._offer(job, [replace(lease.slot, ahead=None)] if ready else [])
            choice = self._chosen(job, offer, functools.partial(placement.choose_ahead, now=now))
            if choice is not None:
                return Order(job, replace(choice, slot=lease.slot), lease)
        return None

    def next_chance(self, now: float) -> float:
        """When there will be something to lease because time has passed, as things stand; infinite if never."""
        free = self._ready(Worker.free_slots, now)
        times = [at for worker in self._workers.values() if (at := worker.ready_at(now)) > now and self._wanted(worker)]
        times += [stragglers.pays_at(it.lease, it.seconds, it.late_at) for it in self._second_runs(free, now)]
        return min((at for at in times if at > now), default=inf)

    def _wanted(self, worker: Worker) -> bool:
        """Whether it has a free slot and work to do."""
        jobs = self._jobs.values() if worker.free_slots() else ()
        return any(job.leasable and worker.accepts(job.custom) for job in jobs)

    def _ready(self, which: _Which, now: float) -> list[Slot]:
        ready = [worker for worker in self._workers.values() if worker.ready_at(now) <= now]
        stages = [job for job in self._jobs.values() if isinstance(job, Stage)]
        found = (slot for worker in ready for slot in which(worker))
        return [slot for slot in found if not any(stage.keeps(slot) for stage in stages)]

    def _offer(self, job: Job, slots: Sequence[Slot], ahead: Sequence[ChunkRecord] = ()) -> placement.Offer:
        daemons = [worker for worker in self._workers.values() if worker.slots and worker.accepts(job.custom)]
        fit = [slot for slot in slots if slot.worker.accepts(job.custom)]
        open_to_all = [slot for slot in fit if not slot.worker.kept_for]
        return placement.Offer(open_to_all, daemons, ahead, [slot for slot in fit if slot.worker.kept_for])

    def _second_runs(self, free: Sequence[Slot], now: float) -> Iterator[_SecondRun]:
        """All that there could be, one for each chunk, preferably by another daemon."""
        well = [slot for slot in free if not slot.worker.setbacks]
        for lease, job, record in self._held() if well else ():
            if lease is lease.slot.lease and stragglers.may_be_rerun(lease, record) and job.pace:
                offer = self._offer(job, well)
                others = [slot for slot in offer.slots if slot.worker is not lease.slot.worker]
                choice = placement.begin_anew(job, record, replace(offer, slots=others or offer.slots), now)
                if choice is not None:
                    yield self._second_run_of(lease, job, replace(choice, second=True))

    def _second_run_of(self, lease: Lease, job: Job, choice: placement.Choice) -> _SecondRun:
        work = placement.work_of(choice.record, False, self._policy.lead_in_cost)
        seconds = work / choice.slot.speed if choice.slot.speed else work * job.pace
        return _SecondRun(lease, lease.begun + self._policy.late_after(lease.work * job.pace), job, choice, seconds)

    def _ahead(self) -> _ByJob:
        """All that lies ahead of slots and could be done by others, in order."""
        found: dict[str, list[ChunkRecord]] = defaultdict(list)
        for lease, job, record in self._held():
            if lease is lease.slot.ahead and not (isinstance(job, Stage) and job.pinned):
                insort(found[job.id], record, key=lambda it: it.chunk.index)
        return found

    def _held(self) -> Iterator[tuple[Lease, Job, ChunkRecord]]:
        for lease in self._leases.values():
            job = self._jobs[lease.job]
            yield lease, job, job.records[lease.chunk.index]


def _first(jobs: Iterable[Job], choose: Callable[[Job], placement.Choice | None]) -> Order | None:
    """The choice of the first of these jobs, by their turn, that has one."""
    for job in sorted(jobs, key=fair_share.turn):
        choice = choose(job)
        if choice is not None:
            return Order(job, choice, choice.record.lease)
    return None
