from __future__ import annotations

import heapq
import random
from math import inf

import pytest
from msgspec.structs import replace

from tests.scheduling.plans import chunks, more_chunks
from tests.scheduling.simulation import Simulation
from vidproc.model import Chunk
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

pytestmark = pytest.mark.unit

ONE_BY_ONE = Policy(read_ahead=False, lateness=inf)
COST = ONE_BY_ONE.lead_in_cost


def start(film: tuple[Chunk, ...], *slots: int, in_flight: int = 100) -> tuple[Scheduler, list[ev.Grant]]:
    """A scheduler with one daemon for each of `slots`, and what it leases when the film comes."""
    scheduler = Scheduler(ONE_BY_ONE, random.Random(0))
    for number, count in enumerate(slots):
        scheduler.handle(ev.WorkerJoined(f"w{number}", count), 0.0)
    scheduler.handle(ev.JobSubmitted("j", in_flight=in_flight), 0.0)
    return scheduler, grants(scheduler.handle(ev.ChunksPlanned("j", film, final=True), 0.0))


def grants(commands: list[ev.Command]) -> list[ev.Grant]:
    return [command for command in commands if isinstance(command, ev.Grant)]


def test_each_slot_gets_a_seek_point_of_its_own() -> None:
    _, leased = start(chunks([2, 2, 2, 2]), 3)
    assert [(grant.chunk, grant.continues) for grant in leased] == [(0, False), (2, False), (4, False)]


def test_a_slot_goes_on_where_its_decoder_stands() -> None:
    scheduler, leased = start(chunks([2, 2, 2]), 2)
    (after,) = grants(scheduler.handle(ev.ChunkFinished(leased[1].lease), 1.0))
    assert (after.slot, after.chunk, after.continues) == (leased[1].slot, 3, True)


def test_but_not_across_a_seek_point() -> None:
    scheduler, leased = start(chunks([1, 1]), 1)
    (after,) = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), 1.0))
    assert (after.chunk, after.continues) == (1, False)


def test_nor_into_another_segment_or_over_a_gap() -> None:
    first = chunks([1])[0]
    (second,) = more_chunks(first, [True])
    for stranger in (replace(second, segment=1), replace(second, start=second.start + 1)):
        scheduler, leased = start((first, stranger), 1)
        (after,) = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), 1.0))
        assert (after.chunk, after.continues) == (1, False)


@pytest.mark.parametrize("slot_lost", [True, False])
def test_after_a_failure_a_slot_begins_anew(slot_lost: bool) -> None:
    scheduler, leased = start(chunks([3]), 1)
    (second,) = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), 1.0))
    assert second.continues
    failed = ev.ChunkFailed(second.lease, "filter", "it raised", retryable=True, slot_lost=slot_lost)
    (third,) = grants(scheduler.handle(failed, 2.0)) or grants(scheduler.handle(ev.Tick(), 20.0))
    assert (third.chunk, third.continues) == (1 if slot_lost else 2, False)


def test_a_slot_that_did_something_else_meanwhile_begins_anew() -> None:
    scheduler, leased = start(chunks([1]), 1)
    scheduler.handle(ev.JobSubmitted("k"), 0.0)
    scheduler.handle(ev.ChunksPlanned("k", chunks([3]), final=True), 0.0)
    (other,) = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), 1.0))
    assert (other.job, other.chunk, other.continues) == ("k", 0, False)


def test_what_must_be_done_again_goes_before_new_seek_points() -> None:
    scheduler, _ = start(chunks([2, 2, 2, 2]), 1, 1)
    (again,) = grants(scheduler.handle(ev.WorkerLost("w0"), 1.0)) or grants(
        scheduler.handle(ev.ChunkFinished(2), 2.0)
    )
    assert (again.job, again.chunk, again.attempt) == ("j", 3, 1), "the open decoder goes on first"
    (again,) = grants(scheduler.handle(ev.ChunkFinished(again.lease), 3.0))
    assert (again.chunk, again.attempt) == (0, 2)


def test_one_seek_point_is_split_so_that_both_finish_together() -> None:
    _, leased = start(chunks([30]), 2)
    # 16 chunks for the one, 14 chunks and an eighth of 16 for the other.
    assert [grant.chunk for grant in leased] == [0, 16]


def test_one_seek_point_is_split_among_all_slots() -> None:
    _, leased = start(chunks([30]), 2, 2)
    begins = sorted(grant.chunk for grant in leased)
    lengths = [stop - begin for begin, stop in zip(begins, [*begins[1:], 30], strict=True)]
    assert len(lengths) == 4
    assert min(lengths) >= 3


def test_where_the_owner_stands_counts() -> None:
    scheduler, leased = start(chunks([30]), 1)
    for time in range(1, 11):
        leased = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), float(time)))
    assert leased[0].chunk == 10
    (grant,) = grants(scheduler.handle(ev.WorkerJoined("late", 1), 10.5))
    # The owner is in the middle of chunk 10: 11.1 chunks more take it to 21.6; 21.6 / 8 and 8.4 are 11.1 too.
    assert grant.chunk == 22


def test_a_split_that_would_be_slower_is_not_made() -> None:
    """When the owner is about to come by, a newcomer would only burn time on the lead-in."""
    scheduler, leased = start(chunks([10]), 1)
    for time in range(1, 9):
        leased = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), float(time)))
    assert leased[0].chunk == 8
    assert grants(scheduler.handle(ev.WorkerJoined("late", 4), 8.5)) == []
    (last,) = grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), 9.0))
    assert (last.worker, last.chunk, last.continues) == ("w0", 9, True)


def test_a_draining_owner_heads_for_nothing() -> None:
    scheduler, _ = start(chunks([10]), 1)
    scheduler.handle(ev.WorkerDraining("w0"), 0.5)
    (grant,) = grants(scheduler.handle(ev.WorkerJoined("w1", 1), 1.0))
    assert grant.chunk == 1


def test_chunks_are_spread_over_the_daemons() -> None:
    _, leased = start(chunks([1, 1, 1, 1]), 4, 4)
    assert sorted(grant.worker for grant in leased) == ["w0", "w0", "w1", "w1"]


def test_a_decoder_is_left_to_the_job_it_stands_open_for() -> None:
    scheduler, (kept, lent) = start(chunks([4]), 3, in_flight=2)
    scheduler.handle(ev.ChunkFinished(lent.lease), 1.0)
    scheduler.handle(ev.JobSubmitted("k"), 3.0)
    (grant,) = grants(scheduler.handle(ev.ChunksPlanned("k", chunks([1]), final=True), 3.0))
    assert grant.slot not in (kept.slot, lent.slot)
    for event in (ev.ChunkPersisted(lent.lease), ev.ChunkFinished(kept.lease), ev.ChunkPersisted(kept.lease)):
        assert grants(scheduler.handle(event, 4.0)) == []
    (after,) = grants(scheduler.handle(ev.ChunkDelivered("j", 0), 5.0))
    assert (after.slot, after.chunk, after.continues) == (lent.slot, 2, True)


def test_a_slot_that_dies_after_its_result_came_begins_anew() -> None:
    film = chunks([2])
    scheduler, _ = start((), 1, 1)
    scheduler.handle(ev.JobSubmitted("k"), 0.0)
    (first,) = grants(scheduler.handle(ev.ChunksPlanned("k", film[:1], final=False), 0.0))
    scheduler.handle(ev.ChunkFinished(first.lease), 1.0)
    (again,) = grants(scheduler.handle(ev.ChunkFailed(first.lease, "worker", "died", True, slot_lost=True), 2.0))
    assert again.worker != first.worker
    (second,) = grants(scheduler.handle(ev.ChunksPlanned("k", film[1:], final=True), 3.0))
    assert (second.worker, second.chunk, second.continues) == (first.worker, 1, False)


def test_a_job_that_comes_again_under_its_name_is_another_one() -> None:
    scheduler, leased = start(chunks([1]), 2)
    for event in (ev.ChunkFinished(leased[0].lease), ev.JobCancelled("j"), ev.JobSubmitted("j")):
        scheduler.handle(event, 1.0)
    again = grants(scheduler.handle(ev.ChunksPlanned("j", chunks([2]), final=True), 2.0))
    assert [(grant.chunk, grant.continues) for grant in again] == [(0, False), (1, False)]


def test_a_chunk_that_failed_on_a_daemon_is_kept_for_another() -> None:
    scheduler, leased = start(chunks([10]), 1)
    for time in range(1, 10):
        before, leased = leased, grants(scheduler.handle(ev.ChunkFinished(leased[0].lease), float(time)))
    for lease in (leased[0].lease, before[0].lease):
        assert grants(scheduler.handle(ev.ChunkFailed(lease, "filter", "it raised", True), 10.0)) == []
    (eighth,) = grants(scheduler.handle(ev.Tick(), 30.0))
    assert eighth.chunk == 8
    (ninth,) = grants(scheduler.handle(ev.WorkerJoined("w1", 1), 31.0))
    assert (ninth.worker, ninth.chunk, ninth.continues) == ("w1", 9, False), "though w0's slot stands before it"


def test_though_all_others_are_busy() -> None:
    scheduler, (first, second) = start(chunks([1, 1, 1]), 1, 1)
    (third,) = grants(scheduler.handle(ev.ChunkFailed(first.lease, "worker", "died", True, slot_lost=True), 1.0)) or (
        grants(scheduler.handle(ev.Tick(), 2.0))
    )
    assert (third.worker, third.chunk) == (first.worker, 2), "what has not failed may be tried there"
    assert grants(scheduler.handle(ev.ChunkFinished(third.lease), 3.0)) == []
    (again,) = grants(scheduler.handle(ev.ChunkFinished(second.lease), 4.0))
    assert (again.worker, again.chunk) == (second.worker, first.chunk)


def test_but_not_for_one_that_is_about_to_leave_or_may_not_run_it() -> None:
    scheduler = Scheduler(ONE_BY_ONE, random.Random(0))
    scheduler.handle(ev.WorkerJoined("w0", 1, allow_custom=True), 0.0)
    scheduler.handle(ev.WorkerJoined("strict", 1), 0.0)
    scheduler.handle(ev.WorkerJoined("leaving", 1, allow_custom=True), 0.0)
    scheduler.handle(ev.WorkerDraining("leaving"), 0.0)
    scheduler.handle(ev.JobSubmitted("j", custom=True), 0.0)
    (first,) = grants(scheduler.handle(ev.ChunksPlanned("j", chunks([1]), final=True), 0.0))
    scheduler.handle(ev.ChunkFailed(first.lease, "worker", "died", True, slot_lost=True), 1.0)
    (again,) = grants(scheduler.handle(ev.Tick(), 2.0))
    assert again.worker == "w0"


def test_new_work_behind_a_chunk_that_is_kept_for_another_is_done_meanwhile() -> None:
    scheduler, leased = start(chunks([10]), 1, 1)
    head = next(grant for grant in leased if grant.chunk == 0)
    (after,) = grants(scheduler.handle(ev.ChunkFailed(head.lease, "filter", "it raised", True), 1.0))
    assert after.worker == head.worker
    (again,) = grants(scheduler.handle(ev.ChunkFinished(after.lease), 20.0))
    assert (again.worker, again.chunk > 0) == (head.worker, True)


def makespan(film: tuple[Chunk, ...], *slots: int, in_flight: int = 100) -> float:
    """Play a film through at one second a frame, a third for a frame of lead-in, and no other cost."""
    scheduler, leased = start(film, *slots, in_flight=in_flight)
    seeks = {chunk.packets_start: chunk.start for chunk in reversed(film)}
    running: list[tuple[float, int]] = []
    now = 0.0
    while True:
        for grant in leased:
            chunk = film[grant.chunk]
            lead_in = 0 if grant.continues else chunk.start - seeks[chunk.packets_start]
            heapq.heappush(running, (now + chunk.frames + lead_in * COST, grant.lease))
        if not running:
            return now
        now, lease = heapq.heappop(running)
        leased = store_and_deliver(scheduler, lease, now)


def store_and_deliver(scheduler: Scheduler, lease: int, now: float) -> list[ev.Grant]:
    """Finish a lease and answer every command at once; the leases that follow from it."""
    events: list[ev.Event] = [ev.ChunkFinished(lease)]
    found = []
    while events:
        commands = scheduler.handle(events.pop(0), now)
        found += grants(commands)
        events += [ev.ChunkPersisted(c.lease) for c in commands if isinstance(c, ev.Persist)]
        events += [ev.ChunkDelivered(c.job, c.chunk) for c in commands if isinstance(c, ev.Deliver)]
    return found


def uneven(frames: list[int]) -> tuple[Chunk, ...]:
    """Chunks of so many frames, each with a seek point of its own."""
    film: tuple[Chunk, ...] = ()
    for count in frames:
        film += more_chunks(film[-1] if film else None, [False], count)
    return film


@pytest.mark.parametrize("read_ahead", [False, True])
def test_at_the_end_the_longest_go_first(read_ahead: bool) -> None:
    frames = [10, 10, 10, 10, 40]
    it = Simulation(Policy(read_ahead=read_ahead, lateness=inf), a=[1.0, 1.0])
    it.submit("j", uneven(frames), [float(count) for count in frames])
    it.run()
    assert it.films["j"].ended_at == 40.0, "in order it would be 60"


def test_at_the_end_what_can_be_split_later_waits_for_what_can_not() -> None:
    film = uneven([40] * 3)
    film += more_chunks(film[-1], [False] + [True] * 7, 10)
    it = Simulation(Policy(lateness=inf), a=[1.0, 1.0])
    it.submit("j", film, [float(chunk.frames) for chunk in film])
    assert it.run() < 110.0, "120 with the long stretch first, which would leave one slot idle at the end"


def test_before_the_end_is_near_or_known_they_go_in_order() -> None:
    assert [grant.chunk for grant in start(uneven([10] * 9 + [40]), 2)[1]] == [0, 1]
    assert [grant.chunk for grant in start(uneven([10] * 7 + [40]), 2)[1]] == [7, 0]
    scheduler = start((), 2)[0]
    scheduler.handle(ev.JobSubmitted("k"), 0.0)
    planned = ev.ChunksPlanned("k", uneven([10] * 7 + [40]), final=False)
    assert [grant.chunk for grant in grants(scheduler.handle(planned, 0.0))] == [0, 1]


@pytest.mark.parametrize("slots", [(1,), (2,), (1, 1), (2, 2), (8,)])
@pytest.mark.parametrize("count", [6, 30, 90])
def test_one_seek_point_is_done_about_as_soon_as_can_be(count: int, slots: tuple[int, ...]) -> None:
    film, hands = chunks([count]), sum(slots)
    # If all finish after T, one begins at s and the next at T + (1 - c) s: the film is a geometric sum. And the grain.
    best = film[-1].stop / sum((1 - COST) ** i for i in range(hands))
    assert makespan(film, *slots) <= best * 1.1 + 48


@pytest.mark.parametrize("slots", [(2,), (2, 2), (8,)])
def test_many_seek_points_cost_next_to_no_lead_in(slots: tuple[int, ...]) -> None:
    film, hands = chunks([3] * 40), sum(slots)
    assert makespan(film, *slots, in_flight=32) <= film[-1].stop / hands * 1.1 + 2 * 48


@pytest.mark.parametrize("count", [2, 4, 8])
def test_more_slots_are_never_slower_than_one(count: int) -> None:
    film = chunks([5, 1, 9, 2])
    assert makespan(film, count) < makespan(film, 1)
