"""The scheduler under random events, against a world that keeps its own books (see `world`)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.scheduling.mutants import Forgetful, Unfenced, Unordered
from tests.scheduling.world import World
from vidproc.scheduling.events import Sequential
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

DAEMONS = ["a", "b", "c"]
JOBS = ["x", "y", "z"]
STAGES = [None, Sequential(pinned=False), Sequential(pinned=True)]
QUICK = settings(max_examples=150, stateful_step_count=80, suppress_health_check=list(HealthCheck))


def any_of(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)]


class Machine(RuleBasedStateMachine):
    scheduler: type[Scheduler] = Scheduler
    picks = st.integers(0, 1000)

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.scheduler(Policy(), random.Random(0)))

    @rule(name=st.sampled_from(DAEMONS), slots=st.integers(0, 3), custom=st.booleans(), rate=st.sampled_from([0, 64]))
    def join(self, name: str, slots: int, custom: bool, rate: int) -> None:
        self.world.join(name, slots, custom, rate)

    @rule(name=st.sampled_from(DAEMONS))
    def lose(self, name: str) -> None:
        self.world.lose(name)

    @rule(name=st.sampled_from(DAEMONS))
    def drain(self, name: str) -> None:
        self.world.drain(name)

    @rule(name=st.sampled_from(DAEMONS), rate=st.sampled_from([0, 5, 64]))
    def limit(self, name: str, rate: int) -> None:
        self.world.limit(name, rate)

    @rule(name=st.sampled_from(JOBS), custom=st.booleans(), in_flight=st.integers(1, 8), stage=st.sampled_from(STAGES))
    def submit(self, name: str, custom: bool, in_flight: int, stage: Sequential | None) -> None:
        if name not in self.world.films:
            self.world.submit(name, custom, in_flight, stage)

    @precondition(lambda self: self.world.films)
    @rule(pick=picks, shares=st.lists(st.booleans(), max_size=12), final=st.sampled_from([False, False, False, True]))
    def plan(self, pick: int, shares: list[bool], final: bool) -> None:
        job = any_of(list(self.world.films), pick)
        if not self.world.films[job].final:
            self.world.plan(job, shares, final)

    @precondition(lambda self: self.world.working)
    @rule(pick=picks, can_continue=st.sampled_from([True, True, True, False]))
    def finish(self, pick: int, can_continue: bool) -> None:
        self.world.finish(any_of(list(self.world.working), pick), can_continue)

    @precondition(lambda self: self.world.granted)
    @rule(pick=picks, frames=st.integers(0, 48))
    def progress(self, pick: int, frames: int) -> None:
        self.world.progress(any_of(self.world.granted, pick), frames)

    @precondition(lambda self: self.continuing())
    @rule(pick=picks)
    def refuse_to_continue(self, pick: int) -> None:
        self.world.refuse(any_of(self.continuing(), pick))

    @precondition(lambda self: self.world.granted)
    @rule(pick=picks)
    def finish_late_or_twice(self, pick: int) -> None:
        self.world.finish(any_of(self.world.granted, pick))

    @precondition(lambda self: self.world.granted)
    @rule(pick=picks, retryable=st.sampled_from([True, True, True, False]), slot_lost=st.booleans())
    def fail(self, pick: int, retryable: bool, slot_lost: bool) -> None:
        self.world.fail(any_of(self.world.granted, pick), retryable, slot_lost)

    @precondition(lambda self: self.world.persisting)
    @rule(pick=picks)
    def persist(self, pick: int) -> None:
        self.world.persist(any_of(list(self.world.persisting), pick))

    @precondition(lambda self: self.world.granted)
    @rule(pick=picks)
    def persist_late_or_twice(self, pick: int) -> None:
        self.world.persist(any_of(self.world.granted, pick))

    @precondition(lambda self: self.outstanding())
    @rule(pick=picks)
    def deliver(self, pick: int) -> None:
        self.world.deliver(any_of(self.outstanding(), pick))

    @precondition(lambda self: self.world.films)
    @rule(pick=picks, sure=st.integers(0, 5))
    def cancel(self, pick: int, sure: int) -> None:
        if sure == 0:
            self.world.cancel(any_of(list(self.world.films), pick))

    @rule(seconds=st.floats(0, 20))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @invariant()
    def no_slot_idles_beside_work_that_nobody_heads_for(self) -> None:
        self.world.auditor.check_not_lazy()

    def teardown(self) -> None:
        self.world.settle()

    def continuing(self) -> list[int]:
        return [lease for lease, grant in self.world.working.items() if grant.continues]

    def outstanding(self) -> list[str]:
        return [job for job, film in self.world.films.items() if film.outstanding is not None and not film.end]


def machine_for(mutant: type[Scheduler]) -> type[Machine]:
    return type(mutant.__name__, (Machine,), {"scheduler": mutant})


TestScheduler = Machine.TestCase
TestScheduler.settings = QUICK


@pytest.mark.parametrize("mutant", [Unfenced, Unordered, Forgetful])
def test_the_property_can_fail(mutant: type[Scheduler]) -> None:
    found = settings(QUICK, max_examples=300, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)
    with pytest.raises((AssertionError, ValueError, KeyError)):
        run_state_machine_as_test(machine_for(mutant), settings=found)
