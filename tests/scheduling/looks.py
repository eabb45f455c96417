"""What tests want to know of a scheduler, and its shell does not."""

from __future__ import annotations

from vidproc.scheduling.scheduler import Scheduler


def at_work(scheduler: Scheduler) -> int:
    """Slots that are."""
    return sum(worker.busy for worker in scheduler._workers.values())


def slots(scheduler: Scheduler) -> int:
    """Of all daemons that take work."""
    return sum(len(worker.slots) for worker in scheduler._workers.values() if not worker.draining)


def attempts(scheduler: Scheduler, job: str, chunk: int) -> int:
    """How often a chunk that is not delivered yet was leased."""
    return scheduler._jobs[job].records[chunk].attempts
