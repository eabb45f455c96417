"""How jobs share the slots: by the seconds that slots have spent on each, however long its chunks are.

Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996). The job that has had least is served next. A lease is
charged when it is granted, by what it should take at the job's pace, and settled by what it took when it ends. A job
that begins, or begins again, is taken to have had as much as the others: it gets its share from then on, and nothing
for the time when it wanted nothing. One that could not be served as it deserved, since few daemons may run it, keeps a
claim to some seconds and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkState
from vidproc.scheduling.workers import Lease, Worker

_LONGEST_CLAIM_S = 30.0


def turn(job: Job) -> tuple[float, int, int]:
    """The lowest goes first: who has had least, then who holds the fewest chunks, then the oldest."""
    return job.service, _leased(job), job.order


def cost(job: Job, work: float, jobs: Iterable[Job]) -> float:
    """Seconds that this much work of a job should take; by the pace of other jobs until its own is known."""
    paces = [other.pace for other in jobs if other.pace]
    pace = job.pace or (sum(paces) / len(paces) if paces else 0.0)
    return work * pace


def admit(jobs: Sequence[Job], leases: Iterable[Lease], workers: Sequence[Worker]) -> None:
    """Note which jobs want slots, and what those that did not until now are taken to have had."""
    level = _level(jobs, leases)
    for job in jobs:
        wants = bool(_leased(job) or (job.leasable and any(it.accepts(job.custom) for it in workers)))
        if wants:
            job.service = max(job.service, level - _LONGEST_CLAIM_S if job.active else level)
        job.active = wants


def _level(jobs: Sequence[Job], leases: Iterable[Lease]) -> float:
    """What the job that has had most had when its latest chunk began. What lies ahead has not begun."""
    ahead, latest = dict.fromkeys((job.id for job in jobs), 0.0), dict.fromkeys((job.id for job in jobs), 0.0)
    for lease in leases:
        if lease is lease.slot.ahead:
            ahead[lease.job] += lease.cost
        elif not lease.finished:
            latest[lease.job] = max(latest[lease.job], lease.cost)
    return max((job.service - ahead[job.id] - latest[job.id] for job in jobs if job.active), default=0.0)


def claims(jobs: Sequence[Job], leases: Iterable[Lease]) -> Iterator[tuple[Job, Lease]]:
    """The job that has had least, with what lies ahead of slots for others and should be its.

    None as long as shares differ by a chunk, which they always do.
    """
    poorest = min((job for job in jobs if job.leasable), key=turn, default=None)
    if poorest is None:
        return
    rich = {job.id: job for job in jobs if _leased(job) - _leased(poorest) > 1}
    for lease in leases:
        if lease is lease.slot.ahead and lease.job in rich and rich[lease.job].service - lease.cost > poorest.service:
            yield poorest, lease


def _leased(job: Job) -> int:
    return job.counts[ChunkState.LEASED]
