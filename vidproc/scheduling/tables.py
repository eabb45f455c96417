"""What the scheduler knows: who is there, what there is to do, who has what, and what is to be said of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vidproc.scheduling import events as ev
from vidproc.scheduling.backoffs import Backoffs
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.stages import Stage
from vidproc.scheduling.workers import Lease, Worker


@dataclass(frozen=True, slots=True)
class Tables:
    """Changed by `Scheduler.handle` alone and by what it calls. Of a job with a stage, `jobs` holds both."""

    workers: dict[str, Worker] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    backoffs: Backoffs = field(default_factory=Backoffs)
    commands: list[ev.Command] = field(default_factory=list)
