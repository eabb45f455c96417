"""Frames that a filter can't do: only they are replaced, and where the film is cut changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Container
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipelines.stand_in import (
    PlainConverter,
    decoded,
    film,
    looking,
    passing,
    same,
    summing,
    turning,
    weighted,
)
from vidproc.errors import FilterError
from vidproc.filters.contract import Filter, Picture
from vidproc.filters.memory import Look
from vidproc.model import FilterCall
from vidproc.pipelines.fallbacks import Guard
from vidproc.pipelines.plan import Pipeline, arrange

pytestmark = pytest.mark.unit

LENGTH = 12


def failing(it: Filter, ranks: Container[int]) -> Filter:
    """The filter, which raises at these ranks when all is done but to give it back."""
    wants = it.wants

    def apply(window: Any, out: Picture, rank: int, **given: Any) -> Picture:
        result = it.apply(window, out, **given, **({"rank": rank} if wants else {}))
        if rank in ranks:
            raise ValueError("no")
        return result

    return replace(it, apply=apply, wants=("rank",))


def blind(every: int, before: int, after: int) -> Filter:
    """A filter that looks, and can't look at every third picture or so."""
    it = looking(every, before, after)
    assert isinstance(it.memory, Look)
    seeing = it.memory.function

    def look(picture: Picture) -> Any:
        if picture.planes[0].sum() % 3 == 0:
            raise ValueError("blind")
        return seeing(picture)

    return replace(it, memory=replace(it.memory, function=look))


@dataclass(slots=True)
class Noting(Guard):
    """A guard that also keeps which calls failed."""

    calls: dict[FilterCall, str] = field(default_factory=dict)

    def _note(self, call: FilterCall, reason: str) -> None:
        self.calls[call] = reason
        Guard._note(self, call, reason)


def chain(*chosen: Filter) -> Pipeline:
    return arrange([(each, {}) for each in chosen], "yuv420p", "yuv420p")


def chunk(pipeline: Pipeline, guard: Guard, start: int = 0, stop: int = LENGTH) -> list[tuple[int, Picture]]:
    """The chunk's results, copied: what is yielded may be written into again."""
    reach = pipeline.reach
    frames = decoded(film(LENGTH), reach.first(start), reach.last(stop))
    return list(pipeline.run(frames, start, stop, PlainConverter(), guard=guard))


def caught(*chosen: Filter, on_error: str = "original") -> list[Picture]:
    return [picture for _, picture in chunk(chain(*chosen), Guard(catches=True, on_error=on_error))]


def plain(picture: Picture) -> list[list[int]]:
    return [plane.tolist() for plane in picture.planes]


KINDS = [
    weighted(0, 0), weighted(-2, 1), weighted(0, 2), summing(3), summing(4, -1, 1), looking(2, -2, 3), turning(),
    passing(),
]  # fmt: skip
FAILING = st.builds(failing, st.sampled_from(KINDS), st.sets(st.integers(0, LENGTH - 1), max_size=4))
FILTERS = FAILING | st.sampled_from([blind(2, -2, 2), blind(1, 0, 3)])


@given(st.data(), st.lists(FILTERS, min_size=1, max_size=4), st.sampled_from(["original", "black"]))
def test_chunked_equals_sequential(data: st.DataObject, chosen: list[Filter], on_error: str) -> None:
    pipeline = chain(*chosen)
    cuts = sorted({0, LENGTH, *data.draw(st.sets(st.integers(1, LENGTH - 1)))})
    guards = [Guard(catches=True, on_error=on_error) for _ in cuts]
    whole = chunk(pipeline, guards[0])
    parts = [chunk(pipeline, guard, *cut) for guard, cut in zip(guards[1:], itertools.pairwise(cuts), strict=True)]
    assert same(whole, itertools.chain.from_iterable(parts))
    found = [guard.fallbacks(range(*cut)) for guard, cut in zip(guards[1:], itertools.pairwise(cuts), strict=True)]
    assert guards[0].fallbacks(range(LENGTH)) == list(itertools.chain.from_iterable(found))


@given(st.lists(FILTERS, min_size=1, max_size=4), st.sampled_from(["original", "previous", "black"]))
def test_a_call_that_is_known_to_fail_is_as_good_as_one_that_does(chosen: list[Filter], on_error: str) -> None:
    """So it makes no difference if it ended its process, or in which order that was found."""
    meeting = Noting(catches=True, on_error=on_error)
    met = chunk(chain(*chosen), meeting)
    told = Guard(known=meeting.calls, on_error=on_error)
    assert same(met, chunk(chain(*chosen), told))
    assert told.reasons == meeting.reasons


def test_frames_are_replaced_as_the_job_says() -> None:
    frames, good = film(LENGTH), caught(weighted(0, 0))
    shown = {how: caught(failing(weighted(0, 0), {0, 4, 5}), on_error=how) for how in ("original", "previous", "black")}
    for how, found in shown.items():
        assert [plain(it) for n, it in enumerate(found) if n not in (0, 4, 5)] == [
            plain(it) for n, it in enumerate(good) if n not in (0, 4, 5)
        ], how
    assert [plain(shown["original"][n]) for n in (0, 4, 5)] == [plain(frames[n]) for n in (0, 4, 5)]
    assert [plain(shown["previous"][n]) for n in (4, 5)] == [plain(good[3])] * 2
    assert plain(shown["previous"][0]) == plain(shown["black"][0]) != plain(frames[0]), "there is none before it"
    assert not shown["black"][4].planes[0].any()


def test_neighbours_see_the_frame_as_it_was_and_filters_behind_leave_it_alone() -> None:
    frames = film(LENGTH)
    alone = caught(failing(weighted(0, 0), {4}), weighted(0, 0), weighted(-1, 0))
    once = [*caught(weighted(0, 0))[:4], frames[4], *caught(weighted(0, 0))[5:]]
    steps = chain(weighted(0, 0)), chain(weighted(-1, 0))
    twice = [picture for _, picture in steps[0].run(decoded(once, 0, LENGTH), 0, LENGTH, PlainConverter())]
    seen = [*twice[:4], frames[4], *twice[5:]]
    wanted = [picture for _, picture in steps[1].run(decoded(seen, 0, LENGTH), 0, LENGTH, PlainConverter())]
    assert list(map(plain, alone)) == list(map(plain, [*wanted[:4], frames[4], *wanted[5:]]))


def test_what_was_remembered_is_forgotten() -> None:
    found = caught(failing(summing(100), {4}))
    begun_anew = chain(summing(100)).run(decoded(film(LENGTH), 5, LENGTH), 5, LENGTH, PlainConverter())
    assert [plain(picture) for picture in found[5:]] == [plain(picture) for _, picture in begun_anew]


def test_the_original_takes_the_result_s_size() -> None:
    found = caught(failing(turning(), {2}))
    assert {(picture.width, picture.height) for picture in found} == {(5, 6)}


def test_without_leave_to_catch_it_the_error_ends_the_run() -> None:
    with pytest.raises(FilterError, match="frame 4: weighted"):
        chunk(chain(failing(weighted(0, 0), {4})), Guard())


def test_why_a_frame_fell_back_is_told_without_its_number() -> None:
    guard = Guard(catches=True)
    chunk(chain(failing(passing(), {4}), failing(passing(), {4, 6})), guard)
    assert [(it.rank, it.reason) for it in guard.fallbacks(range(LENGTH))] == [
        (4, "passing failed: no"), (6, "passing failed: no"),
    ]  # fmt: skip


def test_the_watch_knows_the_call_that_did_not_come_back() -> None:
    entered: list[FilterCall] = []

    class Watch:
        def enter(self, call: FilterCall) -> None:
            entered.append(call)

        def leave(self) -> None:
            entered.pop()

    with pytest.raises(FilterError):
        chunk(chain(passing(), failing(weighted(0, 1), {4})), Guard(watch=Watch()))
    assert entered == [FilterCall(1, 4)]
    with pytest.raises(FilterError):
        chunk(chain(blind(1, 0, 3)), Guard(watch=Watch()))
    assert entered[-1].looks


def test_what_was_raised_is_told_in_one_line_that_no_terminal_obeys() -> None:
    guard = Guard(catches=True)

    def raises() -> None:
        raise FilterError("frame 3: the filter failed: a\x1b[2J\nb\x07")

    assert guard.made(FilterCall(0, 3), raises) is None
    assert [it.reason for it in guard.fallbacks(range(10))] == ["the filter failed: a?[2J b?"]
