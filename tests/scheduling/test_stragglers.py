"""A chunk that a slot is late with is run a second time, when that would be quicker, and counts once."""

from __future__ import annotations

from math import inf

import pytest

from tests.scheduling.plans import chunks
from tests.scheduling.simulation import Simulation
from tests.scheduling.test_scheduler import Desk, only
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy

pytestmark = pytest.mark.unit


def late() -> tuple[Desk, ev.Grant]:
    """Two daemons; one was done with its chunk within a second and idles, the other is half a second short of being
    late. And the lease of that."""
    desk = Desk(Policy(read_ahead=False))
    desk.join("slow")
    desk.join("quick")
    first, second = desk.film("j", [1, 1])
    desk.now += 1
    assert only(ev.Grant, desk(ev.ChunkFinished(second.lease))) == []
    assert (first.worker, second.worker) == ("slow", "quick")
    return desk, first


def test_a_slot_that_idles_runs_what_another_is_late_with() -> None:
    desk, first = late()
    assert not first.second
    (second,) = desk.tick(0.5)
    assert (second.worker, second.chunk, second.attempt, second.second) == ("quick", first.chunk, 1, True)
    assert desk.scheduler.figures("j").leased == 1


@pytest.mark.parametrize("winner", ["slow", "quick"])
def test_the_first_result_counts_and_the_other_lease_is_withdrawn(winner: str) -> None:
    desk, first = late()
    (second,) = desk.tick(0.5)
    won, lost = (first, second) if winner == "slow" else (second, first)
    assert desk(ev.ChunkFinished(won.lease)) == [ev.Withdraw(lost.lease, lost.worker), ev.Persist(won.lease, "j", 0)]
    assert desk(ev.ChunkFinished(lost.lease)) == [ev.Discard(lost.lease)]
    assert desk(ev.ChunkPersisted(won.lease))[0] == ev.Acknowledge(won.lease, won.worker)
    assert desk.scheduler.figures("j").retries == 0


def test_it_is_found_when_it_has_taken_half_as_long_again() -> None:
    desk, _ = late()
    (wake,) = only(ev.WakeAt, desk(ev.Tick()))
    assert wake.time == pytest.approx(desk.now + 0.5)
    assert desk.tick(0.4) == []
    assert len(desk.tick(0.1)) == 1


def test_what_will_be_done_sooner_by_itself_is_left_alone() -> None:
    desk, first = late()
    desk(ev.ChunksProgressed({first.lease: 36}))
    assert desk.tick(0.5) == [], "half a second is left"


def test_what_has_come_far_and_then_stands_still_is_not() -> None:
    desk, first = late()
    desk(ev.ChunksProgressed({first.lease: 47}))
    assert desk.tick(0.9) == []
    desk(ev.ChunksProgressed({first.lease: 47}))
    assert len(desk.tick(0.2)) == 1


def test_nothing_is_late_as_long_as_nothing_is_known() -> None:
    desk = Desk(Policy(read_ahead=False))
    desk.join("a")
    desk.join("b")
    desk.film("j", [1])
    assert desk.tick(1e6) == []


def test_another_daemon_is_preferred() -> None:
    desk = Desk(Policy(read_ahead=False))
    desk.join("slow", slots=2)
    first, quick = desk.film("j", [1, 1])
    desk.now += 1
    desk(ev.ChunkFinished(quick.lease))
    desk.join("other")
    assert [grant.worker for grant in desk.tick(0.5)] == ["other"]
    assert first.worker == "slow"


def test_one_whose_slots_die_is_not_asked() -> None:
    desk, _ = late()
    desk.film("k", [1])
    desk.slot_died(3)
    desk(ev.JobCancelled("k"))
    assert desk.tick(100) == []


def test_a_chunk_is_run_a_second_time_once() -> None:
    desk, first = late()
    (second,) = desk.tick(0.5)
    desk.join("third")
    assert desk.tick(100) == []
    desk.slot_died(second.lease)
    assert desk.tick(100) == []
    assert desk(ev.ChunkFinished(first.lease)) == [ev.Persist(first.lease, "j", 0)]


@pytest.mark.parametrize("loser", ["slow", "quick"])
@pytest.mark.parametrize("how", ["slot died", "lost"])
def test_one_of_two_that_is_lost_is_forgotten_and_the_other_goes_on(loser: str, how: str) -> None:
    desk, first = late()
    (second,) = desk.tick(0.5)
    gone, left = (first, second) if loser == "slow" else (second, first)
    if how == "lost":
        desk(ev.WorkerLost(gone.worker))
    else:
        desk.slot_died(gone.lease)
    figures = desk.scheduler.figures("j")
    assert (figures.leased, figures.queued, figures.retries) == (1, 0, 0)
    assert ev.Persist(left.lease, "j", 0) in desk(ev.ChunkFinished(left.lease))


@pytest.mark.parametrize("loser", ["slow", "quick"])
def test_a_filter_that_raises_in_one_of_two_would_in_the_other(loser: str) -> None:
    desk, first = late()
    (second,) = desk.tick(0.5)
    gone, left = (first, second) if loser == "slow" else (second, first)
    assert only(ev.Withdraw, desk.raised(gone.lease)) == [ev.Withdraw(left.lease, left.worker)]
    assert desk.scheduler.why_waiting("j").startswith("a chunk failed")
    (again,) = desk.tick(1.0)
    assert (again.chunk, again.attempt) == (first.chunk, 2)


def test_what_would_fail_everywhere_fails_the_job() -> None:
    desk, _ = late()
    (second,) = desk.tick(0.5)
    commands = desk.raised(second.lease, retryable=False)
    assert len(only(ev.FailJob, commands)) == 1
    assert len(only(ev.Withdraw, commands)) == 1


def test_what_has_failed_is_not_run_a_second_time() -> None:
    desk, first = late()
    desk.raised(first.lease)
    (again,) = desk.tick(1.0)
    assert again.chunk == first.chunk
    assert desk.tick(100) == []


def test_a_moment_is_not_late() -> None:
    assert Policy().late_after(0.01) == 0.51
    assert Policy().late_after(4.0) == 6.0


def test_other_work_goes_first() -> None:
    desk, _ = late()
    desk.film("k", [1])
    assert only(ev.Grant, desk(ev.Tick())) == []
    assert desk.tick(0.5) == [], "no slot is free"


def end(lateness: float, **daemons: list[float]) -> Simulation:
    """A film of 24 chunks of a second each, played to its end."""
    simulation = Simulation(Policy(lateness=lateness), **daemons)
    simulation.submit("j", chunks([1] * 24), [1.0] * 24)
    simulation.run()
    assert set(simulation.results.values()) == {1}
    return simulation


def test_a_slow_daemon_does_not_hold_up_the_end() -> None:
    without, with_them = (end(lateness, slow=[0.1, 0.1], quick=[1.0, 1.0]) for lateness in (inf, 0.5))
    assert without.now == 20.0, "each slow slot does two chunks"
    assert with_them.now < 14.0
    assert 1 <= with_them.second_runs_won <= with_them.second_runs <= 2


def test_slots_of_the_same_speed_run_nothing_twice() -> None:
    assert end(0.5, a=[1.0, 1.0], b=[1.0, 0.9]).second_runs == 0
