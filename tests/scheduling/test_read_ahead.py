"""The lease that lies ahead of a slot at work: which, when, and when not any more."""

from __future__ import annotations

import random
from math import inf

import pytest

from tests.scheduling.looks import at_work, attempts
from tests.scheduling.plans import chunks
from tests.scheduling.test_scheduler import Desk, only
from tests.scheduling.world import World
from vidproc.errors import CannotContinueError
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

pytestmark = pytest.mark.unit


@pytest.fixture
def desk() -> Desk:
    return Desk(Policy(lateness=inf))


def ahead(grants: list[ev.Grant]) -> list[tuple[int, int, bool]]:
    """Slot, chunk and whether it continues of those that lie ahead."""
    return [(grant.slot, grant.chunk, grant.continues) for grant in grants if grant.ahead]


def test_each_slot_has_one_lease_ahead_and_goes_on_where_its_decoder_will_stand(desk: Desk) -> None:
    desk.join("a", slots=2)
    assert ahead(desk.film("j", [3, 3, 1])) == [(0, 1, True), (1, 4, True)]
    assert ahead(only(ev.Grant, desk(ev.ChunkFinished(1)))) == [(0, 2, True)]
    assert at_work(desk.scheduler) == 2


@pytest.mark.parametrize("groups", [[1] * 24, [24], [3] * 8])
@pytest.mark.parametrize("daemons", [(2,), (1, 1), (3, 1)])
def test_no_slot_finds_its_queue_empty_while_chunks_wait_for_it(groups: list[int], daemons: tuple[int, ...]) -> None:
    """It may while those that are left are better done by others, or had better be split when that is known: such a
    lease has a lead-in."""
    world, waited = World(Scheduler(Policy(), random.Random(0))), 0
    for number, slots in enumerate(daemons):
        world.join(f"w{number}", slots)
    world.submit("j", in_flight=100)
    world.plan("j", [same > 0 for size in groups for same in range(size)], final=True)
    while world.working:
        world.now += 1.0
        lease = min(world.begun & world.working.keys())
        grant, empty = world.working[lease], not world.queue_of(lease)[1:]
        chunks_wait = world.scheduler.figures("j").queued > 0
        world.finish(lease)
        for after in world.queues().get((grant.worker, grant.slot), []) if chunks_wait and empty else []:
            chunk = world.films["j"].chunks[world.working[after].chunk]
            waited += world.working[after].continues or chunk.packets_start == chunk.start
        while world.persisting:
            world.persist(next(iter(world.persisting)))
    assert waited == 0


def test_what_cannot_be_gone_on_with_is_taken_back_and_leased_whole(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [2])
    withdraw, _, again = desk(ev.ChunkFinished(1, can_continue=False))
    assert withdraw == ev.Withdraw(2, "a")
    assert isinstance(again, ev.Grant)
    assert (again.chunk, again.continues, again.attempt) == (1, False, 1)
    assert desk.scheduler.figures("j").retries == 0


def test_a_slot_that_says_so_before_its_result_is_here_is_believed(desk: Desk) -> None:
    """Its word overtakes the blocks of the result."""
    desk.join("a")
    desk.film("j", [2])
    (again,) = desk(ev.ChunkFailed(2, CannotContinueError.code, "not open", retryable=True))
    assert isinstance(again, ev.Grant)
    assert (again.chunk, again.continues, again.ahead, again.attempt) == (1, False, True, 1)
    assert desk.scheduler.figures("j").retries == 0
    assert only(ev.Withdraw, desk(ev.ChunkFinished(1))) == []


def test_damage_found_on_the_way_is_no_failure_but_only_once(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [2])
    desk(ev.ChunkFinished(1))
    refused = ev.ChunkFailed(2, CannotContinueError.code, "damaged", retryable=True)
    (again,) = only(ev.Grant, desk(refused))
    assert not again.continues
    commands = desk(ev.ChunkFailed(again.lease, CannotContinueError.code, "damaged", retryable=True))
    assert only(ev.Grant, commands) == []
    assert desk.scheduler.why_waiting("j").startswith("a chunk failed")


def test_a_result_that_overtakes_the_one_before_it_counts(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [3])
    assert only(ev.Persist, desk(ev.ChunkFinished(2))) == [ev.Persist(2, "j", 1)]
    commands = desk(ev.ChunkFinished(1))
    assert only(ev.Persist, commands) == [ev.Persist(1, "j", 0)]
    assert [grant.continues for grant in only(ev.Grant, commands)] == [], "the third lies ahead since, begun anew"


def test_an_idle_slot_takes_over_what_lies_ahead_of_another(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1, 1])
    desk.now += 1
    assert desk(ev.WorkerJoined("b", 1))[0] == ev.Withdraw(2, "a")
    assert attempts(desk.scheduler, "j", 1) == 1
    assert at_work(desk.scheduler) == 2


def test_but_not_when_its_owner_would_be_done_sooner(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [9])
    for lease in range(1, 8):
        desk.now += 1
        desk(ev.ChunkFinished(lease))
    desk.now += 0.9
    assert desk(ev.WorkerJoined("b", 1)) == []


def test_a_draining_daemon_gives_back_what_it_has_not_begun(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [2])
    assert desk(ev.WorkerDraining("a")) == [ev.Withdraw(2, "a")]
    assert desk(ev.ChunkFinished(1)) == [ev.Persist(1, "j", 0)]
    assert [grant.chunk for grant in desk.join("b")] == [1]


def test_a_slot_that_dies_takes_nothing_along_that_it_had_not_begun(desk: Desk) -> None:
    desk.join("a", slots=2)
    desk.film("j", [1] * 4)
    withdrawn = only(ev.Withdraw, desk.slot_died(1))
    assert {it.lease for it in withdrawn} == {3, 4}
    figures = desk.scheduler.figures("j")
    assert (figures.leased, figures.queued, figures.retries) == (1, 3, 0)


def test_nor_does_a_daemon_that_is_lost(desk: Desk) -> None:
    desk.film("j", [1, 1])
    for name in ("a", "b", "c"):
        assert len(desk.join(name)) == 2
        assert desk(ev.WorkerLost(name)) == []
    assert [attempts(desk.scheduler, "j", chunk) for chunk in (0, 1)] == [3, 0]


def test_a_filter_that_raises_leaves_what_lies_ahead_unless_it_would_go_on(desk: Desk) -> None:
    for groups, withdrawn in (([1, 1], 0), ([2], 1)):
        desk(ev.WorkerLost("a"), ev.JobCancelled("j"))
        desk.join("a")
        first, _ = desk.film("j", groups)
        assert len(only(ev.Withdraw, desk.raised(first.lease))) == withdrawn


def test_what_lies_ahead_pays_for_its_tokens_and_has_them_back_when_it_is_taken(desk: Desk) -> None:
    desk.join("a", rate=200.0)
    desk.film("j", [1] * 6)
    bucket = desk.scheduler._workers["a"].bucket
    assert bucket.ready_at(desk.now) == desk.now
    desk(ev.JobCancelled("j"))
    desk.film("k", [1] * 2)
    level = bucket._level(desk.now)
    desk.join("b")
    assert bucket._level(desk.now) == level + 48


def test_a_slot_s_speed_is_measured_from_when_it_got_to_a_chunk(desk: Desk) -> None:
    desk.join("a")
    desk.film("j", [1] * 3)
    for lease in (1, 2):
        desk.now += 2
        desk(ev.ChunkFinished(lease))
    assert desk.scheduler._workers["a"].slots[0].speed == pytest.approx(24.0)


def test_the_plan_is_the_same_work_whoever_reads_ahead() -> None:
    """Reading ahead moves no chunk to where it costs more lead-in than without."""
    for groups in ([30], [3] * 10, [1] * 30):
        assert lead_ins(groups, read_ahead=True) <= lead_ins(groups, read_ahead=False) + 1


def lead_ins(groups: list[int], read_ahead: bool) -> int:
    """How many chunks are begun behind their seek point, by two slots of the same speed."""
    desk = Desk(Policy(read_ahead=read_ahead))
    desk.join("a", slots=2)
    film = chunks(groups)
    working, found = desk.film("j", groups), 0
    while working:
        grant = working.pop(0)
        desk.now += 0.5
        found += not grant.continues and film[grant.chunk].packets_start < film[grant.chunk].start
        working += only(ev.Grant, desk(ev.ChunkFinished(grant.lease), ev.ChunkPersisted(grant.lease)))
    return found
