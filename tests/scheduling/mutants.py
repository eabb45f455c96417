"""Schedulers with a fault planted in each: what looks for faults has to find them."""

from __future__ import annotations

from typing import Any

from vidproc.scheduling import events as ev
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.placement import Choice
from vidproc.scheduling.policies import Jitter, Policy
from vidproc.scheduling.scheduler import Scheduler
from vidproc.scheduling.workers import Lease


class Unfenced(Scheduler):
    """No lease is ever void."""

    def __init__(self, policy: Policy, rng: Jitter, leases_from: int = 0) -> None:
        super().__init__(policy, rng, leases_from)
        ever: dict[int, Lease] = {}
        grant = self._leasing.grant

        def grant_for_ever(job: Job, choice: Choice, now: float) -> None:
            grant(job, choice, now)
            ever.update(self._leases)

        self._leasing.grant = grant_for_ever
        self._leasing.live = ever.get


class Unordered(Scheduler):
    """It hands the muxer whatever is ready."""

    def _deliver(self, job: Job) -> None:
        job.reorder.next = min(job.reorder._ready, default=job.reorder.next)
        super()._deliver(job)


class Forgetful(Scheduler):
    """It does not mind where a stage's state is."""

    def __init__(self, policy: Policy, rng: Jitter, leases_from: int = 0) -> None:
        super().__init__(policy, rng, leases_from)
        self._leasing.unseat = lambda slots: None


class Untiring(Scheduler):
    """It tries for ever."""

    def __init__(self, policy: Policy, rng: Jitter, leases_from: int = 0) -> None:
        super().__init__(Policy(retries=10**6, losses=10**6), rng, leases_from)


class Renumbering(Scheduler):
    """Each one begins with the same numbers."""

    def __init__(self, policy: Policy, rng: Jitter, leases_from: int = 0) -> None:
        super().__init__(policy, rng)


class Sleepy(Scheduler):
    """It never asks to be woken."""

    def _ask_to_be_woken(self, now: float) -> None:
        pass


class Partial(Scheduler):
    """What it does for the oldest job it thinks to cost nothing."""

    def handle(self, event: ev.Event, now: float) -> list[ev.Command]:
        for job in list(self._jobs.values())[:1]:
            job.service = 0.0
        return super().handle(event, now)


class Deaf(Scheduler):
    """There is an event that it does not take in."""

    unheard: type[Any]

    def handle(self, event: ev.Event, now: float) -> list[ev.Command]:
        return super().handle(ev.Tick() if isinstance(event, self.unheard) else event, now)


class DeafToLoss(Deaf):
    unheard = ev.WorkerLost


class DeafToDraining(Deaf):
    unheard = ev.WorkerDraining


class DeafToDelivery(Deaf):
    unheard = ev.ChunkDelivered
