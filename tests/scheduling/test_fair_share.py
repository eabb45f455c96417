"""Jobs share the slots' time, whatever their chunks cost: by counts in a simulation."""

from __future__ import annotations

from math import inf

import pytest

from tests.scheduling.plans import chunks
from tests.scheduling.simulation import Simulation
from tests.scheduling.test_scheduler import Desk, only
from vidproc.model import FilterCall, LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling.fair_share import claims
from vidproc.scheduling.policies import Policy

pytestmark = pytest.mark.unit

POLICY = Policy(lateness=inf)


def simulation(**daemons: list[float]) -> Simulation:
    return Simulation(POLICY, **daemons)


def submit(it: Simulation, job: str, count: int, cost: float) -> None:
    it.submit(job, chunks([1] * count), [cost] * count)


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("costs", [(1.0, 1.0), (10.0, 1.0), (1.0, 3.0)])
def test_two_jobs_get_the_same_time(slots: int, costs: tuple[float, float]) -> None:
    it = simulation(a=[1.0 - n / 100 for n in range(slots)])
    for job, cost in zip("xy", costs, strict=True):
        submit(it, job, int(400 * slots / cost), cost)
    it.run(until=200.0)
    assert abs(it.served["x"] - it.served["y"]) <= 2 * slots * max(costs)
    assert it.served.total() >= 190.0 * slots, "and no slot idles"


def test_three_jobs_of_unequal_chunks_on_two_slots() -> None:
    it = simulation(a=[1.0, 1.0])
    for job, cost in zip("xyz", (8.0, 2.0, 0.5), strict=True):
        submit(it, job, int(400 / cost), cost)
    it.run(until=300.0)
    assert min(it.served.values()) >= 200.0 - 16.0


def test_a_small_job_gets_its_share_as_soon_as_slots_free_up() -> None:
    it = simulation(a=[1.0, 0.99, 0.98, 0.97])
    submit(it, "long", 200, 4.0)
    it.run(until=21.0)
    before = len(it.begun)
    submit(it, "small", 8, 4.0)
    assert it.withdrawn == 2, "half of what lay ahead makes room"
    it.run(until=60.0)
    first = [grant.job for grant in it.begun[before : before + 8]]
    assert 4 <= first.count("small") <= 5
    assert it.films["small"].ended_at < 21.0 + 4.2 + 8 * 4.2 / 2 + 4.2


def test_what_lies_ahead_changes_hands_only_when_somebody_comes() -> None:
    it = simulation(a=[1.0, 0.9, 1.1], b=[0.8, 1.2])
    for job, cost in zip("xyz", (5.0, 1.0, 2.0), strict=True):
        submit(it, job, int(600 / cost), cost)
    it.run(until=50.0)
    settled = it.withdrawn
    it.run(until=300.0)
    assert it.withdrawn - settled <= len(it.begun) * 0.05


def test_a_job_saves_nothing_up_while_it_wants_nothing() -> None:
    it = simulation(a=[1.0])
    submit(it, "early", 2, 1.0)
    submit(it, "long", 1000, 1.0)
    it.run(until=100.0)
    submit(it, "late", 1000, 1.0)
    it.run(until=120.0)
    assert 8.0 <= it.served["late"] <= 12.0


def test_an_hour_in_which_no_daemon_would_run_a_job_gives_it_no_hour_alone() -> None:
    it = simulation(strict=[1.0])
    submit(it, "long", 2000, 1.0)
    it.submit("custom", chunks([1] * 1000), [1.0] * 1000, custom=True)
    it.run(until=600.0)
    it.join("open", [1.0, 1.0, 1.0], allow_custom=True)
    before = it.served["long"]
    it.run(until=700.0)
    assert 170.0 <= it.served["long"] - before <= 230.0


def test_nor_does_an_hour_in_which_few_would() -> None:
    it = simulation(strict=[1.0, 1.0, 1.0])
    it.join("open", [1.0], allow_custom=True)
    submit(it, "long", 2000, 1.0)
    it.submit("custom", chunks([1] * 1000), [1.0] * 1000, custom=True)
    it.run(until=400.0)
    it.lose("strict", allow_custom=True)
    before = it.served["long"]
    it.run(until=500.0)
    assert 170.0 <= it.served["long"] - before <= 200.0, "a claim of 30 s and no more"


def test_a_daemon_that_is_lost_over_and_over_leaves_the_shares_fair() -> None:
    it = Simulation(POLICY, checked=True, a=[1.0, 1.0], b=[1.0])
    for time in range(7, 200, 7):
        it.at(time, lambda: it.lose("b"))
    for job, cost in zip("xy", (3.0, 1.0), strict=True):
        submit(it, job, 600, cost)
    it.run(until=200.0)
    assert abs(it.served["x"] - it.served["y"]) <= 18.0
    assert set(it.results.values()) == {1}


def test_a_claim_puts_nothing_ahead_on_a_daemon_that_lacked_memory() -> None:
    """What it lacked it for is to be alone there, and begins when the others are done."""
    desk, dies = Desk(Policy(lateness=inf)), FilterCall(0, 7)
    desk.join("a", slots=3)
    poor = only(ev.Grant, desk(ev.JobSubmitted("poor", isolates=True), ev.ChunksPlanned("poor", chunks([1]), True)))
    while poor[-1].kind is not LeaseKind.FRAME:
        died = ev.ChunkFailed(poor[-1].lease, "slot-died", "killed by SIGSEGV", True, 7, slot_lost=True, call=dies)
        poor += only(ev.Grant, desk(died)) or desk.tick(100.0)
    rich = desk.film("rich", [1] * 30)
    for lease in range(rich[0].lease, rich[0].lease + 12):
        desk.now += 1.0
        desk(ev.ChunkFinished(lease))
    short = ev.ChunkFailed(poor[-1].lease, "out-of-memory", "killed for memory", True, 7, slot_lost=True, call=dies)
    assert only(ev.Grant, desk(short)) == []
    assert [*claims(list(desk.scheduler._jobs.values()), desk.scheduler._leases.values())], "it has one none the less"
