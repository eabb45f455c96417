"""A job with a sequential stage: in order, ahead of the film but not too far, and anew where its state is lost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.scheduling.plans import chunks
from tests.scheduling.test_scheduler import Desk, only
from vidproc.errors import OutOfMemoryError
from vidproc.model import Chunk, FilterCall, LeaseKind
from vidproc.scheduling import events as ev
from vidproc.scheduling.stages import MOST_AHEAD

pytestmark = pytest.mark.unit

HANDED_ON = ev.Sequential(pinned=False)
PINNED = ev.Sequential(pinned=True)

Leased = list[tuple[LeaseKind, int]]
STAGE, CHUNK = LeaseKind.STAGE, LeaseKind.CHUNK


class Studio(Desk):
    """A desk at which results are stored and put into the film at once, unless `mux` is switched off."""

    mux = True

    def begin(self, film: tuple[Chunk, ...], stage: ev.Sequential) -> list[ev.Grant]:
        return only(ev.Grant, self(ev.JobSubmitted("x", stage=stage), ev.ChunksPlanned("x", film, final=True)))

    def done(self, lease: int, can_continue: bool = True) -> list[ev.Command]:
        commands = self(ev.ChunkFinished(lease, can_continue), ev.ChunkPersisted(lease))
        for delivery in only(ev.Deliver, commands) if self.mux else ():
            commands += self(ev.ChunkDelivered(delivery.job, delivery.chunk))
        return commands


def leased(commands: list[ev.Command] | list[ev.Grant]) -> Leased:
    return [(grant.kind, grant.chunk) for grant in commands if isinstance(grant, ev.Grant)]


def run(studio: Studio, grants: list[ev.Grant]) -> list[ev.Grant]:
    """All that is granted, each lease done in the order of its grant, to the end."""
    seen, waiting = list(grants), list(grants)
    while waiting:
        fresh = only(ev.Grant, studio.done(waiting.pop(0).lease))
        seen += fresh
        waiting += fresh
    return seen


def test_a_state_goes_from_chunk_to_chunk_and_lets_each_be_leased() -> None:
    studio = Studio()
    studio.join("a", slots=2)
    first, film = studio.begin(chunks([4]), HANDED_ON)
    assert leased([first, film]) == [(STAGE, 0), (CHUNK, 0)]
    assert leased(studio.done(first.lease)) == [(STAGE, 1)]  # and chunk 1 waits for a slot
    assert leased(studio.done(film.lease)) == [(CHUNK, 1)]


def test_nobody_needs_the_state_behind_the_film() -> None:
    studio = Studio()
    studio.join("a", slots=3)
    seen = run(studio, studio.begin(chunks([4]), HANDED_ON))
    assert sorted(leased(seen)) == [(CHUNK, n) for n in range(4)] + [(STAGE, n) for n in range(3)]


def test_any_slot_goes_on_with_a_state() -> None:
    studio = Studio()
    studio.join("a")
    (first,) = studio.begin(chunks([4]), HANDED_ON)
    studio.done(first.lease)
    lost = studio(ev.WorkerLost("a"), ev.WorkerJoined("b", 1))
    assert [(grant.kind, grant.chunk, grant.continues) for grant in only(ev.Grant, lost)] == [(STAGE, 1, False)]


def test_a_pinned_stage_stays_in_its_slot_and_keeps_its_decoder_there() -> None:
    studio = Studio()
    studio.join("a", slots=3)
    seen = run(studio, studio.begin(chunks([2, 3]), PINNED))
    stage = [grant for grant in seen if grant.kind is STAGE]
    assert [(grant.chunk, grant.slot, grant.continues) for grant in stage] == [
        (0, 0, False), (1, 0, True), (2, 0, False), (3, 0, True), (4, 0, True),
    ]  # fmt: skip
    assert sorted(leased(seen)) == [(kind, n) for kind in (CHUNK, STAGE) for n in range(5)]


def test_a_pinned_stage_that_ran_out_of_memory_begins_anew_where_it_was() -> None:
    """It has to come by its first chunk again: a daemon kept for a later one would be waited for in vain."""
    studio = Studio()
    studio.join("a")
    studio.mux = False
    (first,) = studio.begin(chunks([4]), PINNED)
    (second,) = only(ev.Grant, studio.done(first.lease))
    assert leased([second]) == [(STAGE, 1)]
    studio(ev.ChunkFailed(second.lease, OutOfMemoryError.code, "killed", retryable=True, slot_lost=True))
    assert leased(studio.tick(1.0)) == [(STAGE, 0)]


def test_a_decoder_that_cannot_go_on_is_opened_anew_in_the_same_slot() -> None:
    studio = Studio()
    studio.join("a", slots=2)
    first, *_ = studio.begin(chunks([3]), PINNED)
    again = only(ev.Grant, studio.done(first.lease, can_continue=False))
    assert [(grant.chunk, grant.slot, grant.continues) for grant in again if grant.kind is STAGE] == [(1, 0, False)]


def test_one_slot_does_stage_and_film_by_turns() -> None:
    studio = Studio()
    studio.join("a")
    count = 2 * MOST_AHEAD
    seen = leased(run(studio, studio.begin(chunks([count]), PINNED)))
    assert seen[: MOST_AHEAD + 1] == [*((STAGE, n) for n in range(MOST_AHEAD)), (CHUNK, 0)]
    assert sorted(seen) == [(kind, n) for kind in (CHUNK, STAGE) for n in range(count)]


def test_a_stage_waits_for_a_film_that_lags() -> None:
    studio = Studio()
    studio.mux = False
    studio.join("a", slots=2)
    seen = leased(run(studio, studio.begin(chunks([3 * MOST_AHEAD]), PINNED)))
    assert max(chunk for kind, chunk in seen if kind is STAGE) == MOST_AHEAD - 1


def test_a_stage_goes_as_far_ahead_as_the_films_next_chunk_needs() -> None:
    """Chunks of 48 frames that see 2000 behind them."""
    film = chunks([60])
    seeing = tuple(replace(chunk, last=min(chunk.stop + 2000, film[-1].stop)) for chunk in film)
    studio = Studio()
    studio.join("a")
    seen = leased(run(studio, studio.begin(seeing, ev.Sequential(pinned=True, reach=2000))))
    assert seen.index((CHUNK, 0)) == seen.index((STAGE, 42)) + MOST_AHEAD  # 43 x 48 frames > 48 + 2000
    assert sorted(seen) == [(kind, n) for kind in (CHUNK, STAGE) for n in range(60)]


def test_a_pinned_stage_is_replayed_where_its_slot_is_lost() -> None:
    studio = Studio()
    studio.join("a")
    (first,) = studio.begin(chunks([4]), PINNED)
    (second,) = only(ev.Grant, studio.done(first.lease))
    studio.join("b", slots=2)
    again = only(ev.Grant, studio(ev.WorkerLost("a")))
    assert [(grant.kind, grant.chunk, grant.replays, grant.worker) for grant in again] == [(STAGE, 0, True, "b")]
    onward = only(ev.Grant, studio.done(again[0].lease))
    assert [(grant.kind, grant.chunk, grant.replays) for grant in onward] == [(STAGE, 1, False)]
    assert ev.Discard(second.lease) in studio(ev.ChunkFinished(second.lease))


def test_a_stage_that_fails_rests_and_then_begins_anew() -> None:
    studio = Studio()
    studio.join("a")
    (first,) = studio.begin(chunks([4]), PINNED)
    (second,) = only(ev.Grant, studio.done(first.lease))
    assert leased(studio.raised(second.lease)) == [(CHUNK, 0)]
    assert leased(studio.tick(0.05)) == []
    assert leased(studio.join("b")) == []
    assert leased(studio.tick(0.05)) == [(STAGE, 0)]


@pytest.mark.parametrize("lost", [False, True])
def test_a_stage_that_fails_again_and_again_in_a_filter_fails_its_job(lost: bool) -> None:
    studio = Studio()
    studio.join("a")
    (grant,) = studio.begin(chunks([2]), PINNED)
    failed: list[ev.FailJob] = []
    while not failed:
        while grant.chunk == 0:
            (grant,) = [it for it in only(ev.Grant, studio.done(grant.lease)) if it.kind is STAGE]
        call = FilterCall(0, 50)
        commands = studio(ev.ChunkFailed(grant.lease, "filter", "that was it", True, slot_lost=lost, call=call))
        failed = only(ev.FailJob, commands)
        for commit in only(ev.Grant, commands):  # chunk 0 of the film
            studio.done(commit.lease)
        (grant, *_) = [*studio.tick(10), grant]
    assert failed[0].job == "x"
    why = "no frame falls back where filters go through the film in order"
    assert failed[0].message == f"frame 50 failed: that was it (chunk 1, frames 48 to 95, 4 attempts); {why}"


def test_a_job_that_was_withdrawn_takes_the_state_in_its_slot_with_it() -> None:
    """The process is killed, as that is the quickest way out of a frame."""
    studio = Studio()
    studio.mux = False
    studio(ev.WorkerJoined("a", 1), ev.JobSubmitted("y"))
    grants = studio.begin(chunks([MOST_AHEAD + 1]), PINNED)
    for _ in range(MOST_AHEAD):
        grants = only(ev.Grant, studio.done(grants[0].lease))
    assert leased(grants) == [(CHUNK, 0)]
    studio(ev.ChunksPlanned("y", chunks([1]), final=True))
    (other,) = only(ev.Grant, studio(ev.ChunkFinished(grants[0].lease)))
    assert other.job == "y"
    again = only(ev.Grant, studio(ev.JobCancelled("y")))
    assert [(grant.kind, grant.chunk, grant.replays) for grant in again] == [(STAGE, 0, True)]


def test_it_is_said_that_a_stage_waits_for_a_slot() -> None:
    studio = Studio()
    studio.begin(chunks([2]), PINNED)
    assert studio.scheduler.why_waiting("x") == "no worker daemon is connected"
