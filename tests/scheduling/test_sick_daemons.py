"""A daemon whose slots die as soon as they are given work: what it costs is bounded, and it fails no job alone."""

from __future__ import annotations

import random
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.plans import chunks
from tests.scheduling.world import World
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

pytestmark = pytest.mark.unit

DIED = "slot 0 ended with exit code 1"


def only_grants(commands: list[ev.Command]) -> list[ev.Grant]:
    return [command for command in commands if isinstance(command, ev.Grant)]


class Sick:
    """A scheduler, daemons of one slot each, and the time; what dies dies within a millisecond."""

    def __init__(self, *daemons: str, slots: int = 1) -> None:
        self.scheduler = Scheduler(Policy(read_ahead=False, lateness=inf), random.Random(0))
        self.now = 50.0
        for name in daemons:
            self.send(ev.WorkerJoined(name, slots))

    def send(self, event: ev.Event) -> list[ev.Command]:
        commands = self.scheduler.handle(event, self.now)
        self.scheduler.validate()
        self.wake = next((it.time for it in commands if isinstance(it, ev.WakeAt)), None)
        return commands

    def film(self, job: str, count: int) -> list[ev.Grant]:
        self.send(ev.JobSubmitted(job))
        return only_grants(self.send(ev.ChunksPlanned(job, chunks([1] * count), final=True)))

    def dies(self, grant: ev.Grant, code: str = "slot-died") -> list[ev.Command]:
        self.now += 0.001
        return self.send(ev.ChunkFailed(grant.lease, code, DIED, retryable=True, slot_lost=code == "slot-died"))

    def woken(self) -> list[ev.Command]:
        assert self.wake is not None
        self.now = self.wake
        return self.send(ev.Tick())


def test_it_rests_twice_as_long_after_each_slot_that_dies_up_to_a_limit() -> None:
    alone = Sick("a")
    rests = []
    for job in ("j", "k", "l"):
        (grant,) = alone.film(job, 1) or only_grants(alone.woken())
        for _ in range(3):
            alone.dies(grant)
            begun = alone.now
            (grant,) = only_grants(alone.woken())
            rests.append(round(alone.now - begun, 3))
        alone.dies(grant)
    assert rests == [0.1, 0.2, 0.4, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]


def test_a_cluster_of_nothing_else_fails_its_job_soon_and_says_why() -> None:
    alone = Sick("a", slots=64)
    leased, begun = alone.film("j", 200), alone.now
    failed: list[ev.FailJob] = []
    while not failed:
        commands = alone.dies(leased.pop())
        failed = [it for it in commands if isinstance(it, ev.FailJob)]
        leased = leased or ([] if failed else only_grants(alone.woken()))
    assert failed[0].message == f"frames 0 to 47 failed: {DIED} (chunk 0, 4 attempts)"
    assert sum(failed[0].retries.values()) < 70, "it is soon tried with one lease at a time"
    assert alone.now - begun < 2


def test_slots_that_die_in_one_wave_are_one_setback() -> None:
    it = Sick("a", slots=8)
    for grant in it.film("j", 8):
        it.dies(grant)
    begun = it.now
    assert len(only_grants(it.woken())) == 8
    assert it.now - begun < 0.1


def test_after_a_second_setback_it_is_tried_with_one_lease_at_a_time_until_one_succeeds() -> None:
    it = Sick("a", slots=2)
    leased = it.film("j", 5)
    for _ in range(2):
        for grant in leased:
            it.dies(grant)
        leased = only_grants(it.woken())
    (trial,) = leased
    assert len(only_grants(it.send(ev.ChunkFinished(trial.lease)))) == 2


def test_a_slot_that_lacks_memory_is_a_setback_and_a_filter_that_raises_is_none() -> None:
    for code, rests in (("worker", True), ("filter", False)):
        it = Sick("a")
        (grant,) = it.film("j", 2)
        assert (only_grants(it.dies(grant, code)) == []) == rests


def test_its_job_says_what_it_waits_for() -> None:
    it = Sick("a")
    (grant,) = it.film("j", 1)
    it.dies(grant)
    assert it.scheduler.why_waiting("j").startswith("the slots of all daemons that could do it die")
    it.send(ev.WorkerJoined("b", 1))
    assert it.scheduler.why_waiting("j") == ""


def test_new_chunks_go_to_a_daemon_without_setbacks_first() -> None:
    it = Sick("a", "b")
    (first,) = it.film("j", 1)
    (again,) = only_grants(it.dies(first))
    it.send(ev.ChunkFinished(again.lease))
    it.now += 60
    (grant,) = it.film("k", 1)
    assert grant.worker == again.worker != first.worker


@settings(deadline=None)
@given(
    sick=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    films=st.lists(st.lists(st.booleans(), min_size=1, max_size=30), min_size=1, max_size=3),
    slots=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_sick_daemons_fail_no_job_beside_a_healthy_one(
    sick: list[int], films: list[list[bool]], slots: int, seed: int
) -> None:
    """Each has its slots free again long before the healthy one has finished a chunk, and may come anew at any time."""
    world, rng = World(Scheduler(Policy(), random.Random(seed))), random.Random(seed)
    joining = [("healthy", slots), *((f"sick {number}", count) for number, count in enumerate(sick))]
    rng.shuffle(joining)
    for name, count in joining:
        world.join(name, count)
    for number, shares in enumerate(films):
        world.submit(f"film {number}")
        world.plan(f"film {number}", shares, final=True)
    while not all(film.end for film in world.films.values()):
        _step(world, rng, sick)
    assert {film.end for film in world.films.values()} == {"complete"}


def _step(world: World, rng: random.Random, sick: list[int]) -> None:
    doomed = [lease for lease, grant in world.working.items() if grant.worker != "healthy"]
    outstanding = [job for job, film in world.films.items() if film.outstanding is not None and not film.end]
    if doomed:
        world.now += 0.01
        world.fail(rng.choice(doomed), slot_lost=True)
    elif world.persisting:
        world.persist(rng.choice(list(world.persisting)))
    elif outstanding:
        world.deliver(rng.choice(outstanding))
    elif world.wake is not None and rng.random() < 0.7:
        world.pass_time(world.wake - world.now)
    elif rng.random() < 0.2:
        number = rng.randrange(len(sick))
        world.join(f"sick {number}", sick[number])
    elif world.working:
        world.now += 1.0
        world.finish(rng.choice(list(world.working)))
