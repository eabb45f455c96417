"""What can be said of a job from outside: counts, and why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkState
from vidproc.scheduling.workers import Worker


@dataclass(frozen=True, slots=True)
class JobFigures:
    """A job's chunks by where they are. `queued` wait for a slot or for the end of a backoff, `stored` have their
    result here but not at the muxer. `frames_done` are those of committed chunks, delivered or not."""

    planned: int = 0
    queued: int = 0
    leased: int = 0
    stored: int = 0
    delivered: int = 0
    frames_planned: int = 0
    frames_done: int = 0
    retries: int = 0


def figures_of(job: Job) -> JobFigures:
    counts, frames = job.counts, job.frames
    return JobFigures(
        planned=job.planned,
        queued=counts[ChunkState.WAITING] + counts[ChunkState.BACKING_OFF],
        leased=counts[ChunkState.LEASED],
        stored=counts[ChunkState.PERSISTING] + counts[ChunkState.READY],
        delivered=counts[ChunkState.DELIVERED],
        frames_planned=sum(frames.values()),
        frames_done=frames[ChunkState.READY] + frames[ChunkState.DELIVERED],
        retries=sum(job.retries.values()),
    )


def reason_to_wait(parts: Sequence[Job], workers: Sequence[Worker]) -> str:
    """One line for a person, "" if a job of these parts does not wait for daemons. To be asked between events."""
    if any(part.counts[ChunkState.LEASED] for part in parts):
        return ""
    job = parts[0]
    if not any(part.leasable for part in parts):
        failed = any(part.counts[ChunkState.BACKING_OFF] for part in parts)
        return "a chunk failed and will be tried again shortly" if failed else ""
    return _obstacle([worker for worker in workers if worker.accepts(job.custom)], workers)


def _obstacle(fit: Sequence[Worker], workers: Sequence[Worker]) -> str:
    if not workers:
        return "no worker daemon is connected"
    if not any(worker.accepts(custom=False) for worker in workers):
        return "all connected worker daemons are about to leave"
    if not fit:
        return "no connected daemon runs custom code (start one with --allow-custom)"
    well = [worker for worker in fit if not worker.setbacks]
    if not well:
        return "the slots of all daemons that could do it die: see their logs; they are tried again shortly"
    if all(worker.busy == len(worker.slots) for worker in well):
        return "all slots are busy with other jobs"
    # A slot is free and yet nothing is leased: every slot was offered after the last event, so tokens are lacking.
    return "the daemons have reached their rate limit"
