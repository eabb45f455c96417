"""Running a chain: the same frames however the film is cut, and no more work than that takes."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.filters.pictures import noise
from tests.pipelines.stand_in import (
    Frames,
    PlainConverter,
    colouring,
    decoded,
    film,
    looking,
    passing,
    same,
    summing,
    turning,
    weighted,
)
from vidproc import filters
from vidproc.errors import FilterError, MediaError
from vidproc.filters import custom
from vidproc.filters.background import MOG2
from vidproc.filters.contract import Filter, Picture
from vidproc.filters.memory import Look, Reset
from vidproc.model import FilterSpec, ParamValue
from vidproc.pipelines.plan import Pipeline, arrange, plan
from vidproc.pipelines.run import Spent


def chain(*chosen: Filter, source: str = "yuv420p", target: str = "yuv420p") -> Pipeline:
    return arrange([(each, each.resolve({})) for each in chosen], source, target)


def built_in(name: str, **params: ParamValue) -> Filter:
    return filters.find(FilterSpec(name, params))[0]


def chunk(
    pipeline: Pipeline, frames: list[Picture], start: int, stop: int, segment: range = range(100), **how: Any
) -> list[tuple[int, Picture]]:
    """One chunk as a slot runs it: given just the frames that its reach says, cut at the segment's ends."""
    reach = pipeline.reach
    given_ = decoded(frames, max(reach.first(start), segment.start), min(reach.last(stop), segment.stop))
    return list(pipeline.run(given_, start, stop, PlainConverter(), **how))


WINDOWS = st.tuples(st.integers(-3, 0), st.integers(0, 3))
FORMATS = st.sampled_from([("yuv", "gray", "bgr24"), ("yuv",), ("gray",), ("bgr24",)])
PERIODS = st.integers(1, 7)
OWN = """
import vidproc

@vidproc.filter(formats=("gray", "bgr24"), memory="reset", every=3, window=(0, 1))
def slow(frames, state):
    state["kept"] = frames[0] + state.get("kept", 0) // 2
    return state["kept"]
"""
FILTERS = st.one_of(
    st.builds(lambda window, formats: weighted(*window, formats), WINDOWS, FORMATS),
    st.builds(lambda every, window, formats: summing(every, *window, formats), PERIODS, WINDOWS, FORMATS),
    st.builds(lambda every, reach, formats: looking(every, *reach, formats), PERIODS, WINDOWS, FORMATS),
    st.sampled_from([built_in("blur"), built_in("motion"), built_in("motion", kind="flow"), passing()]),
    st.sampled_from([replace(MOG2, params=(replace(MOG2.params[0], default=3), *MOG2.params[1:])), custom.load(OWN)]),
    st.sampled_from([turning(), turning(("gray",)), built_in("text"), built_in("rotate"), built_in("adjust")]),
)


@settings(max_examples=250)
@given(st.data(), st.lists(FILTERS, max_size=4), st.integers(1, 14), st.integers(0, 5))
def test_chunked_equals_sequential(data: st.DataObject, chosen: list[Filter], length: int, begin: int) -> None:
    """Within a continuity segment, wherever that begins."""
    pipeline, segment = chain(*chosen), range(begin, begin + length)
    frames = film(segment.stop + 3)
    cuts = sorted({segment.start, segment.stop, *data.draw(st.sets(st.sampled_from(segment)))})
    whole = chunk(pipeline, frames, segment.start, segment.stop, segment)
    parts = [chunk(pipeline, frames, start, stop, segment) for start, stop in itertools.pairwise(cuts)]
    assert same(whole, itertools.chain.from_iterable(parts))
    assert [rank for rank, _ in whole] == list(segment)
    assert {picture.format for _, picture in whole} == {"yuv420p"}


def test_a_chain_is_its_filters_one_after_the_other() -> None:
    frames, chosen = film(9), [weighted(-2, 1), weighted(0, 2), weighted(-1, 0)]
    step_by_step = frames
    for each in chosen:
        step_by_step = [picture for _, picture in chunk(chain(each), step_by_step, 0, 9)]
    assert same(chunk(chain(*chosen), frames, 0, 9), enumerate(step_by_step))


def test_a_window_shows_the_neighbours_in_order_and_none_beyond_the_ends() -> None:
    frames, seen = film(5), []

    def look(window: tuple[Picture | None, ...], out: Picture) -> Picture:
        seen.append([next((i for i, frame in enumerate(frames) if frame is each), None) for each in window])
        return out

    chunk(chain(Filter("look", "", ("yuv",), look, window=(-2, 1))), frames, 0, 5)
    assert seen == [[None, None, 0, 1], [None, 0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, None]]


def test_motion_across_a_cut_between_chunks() -> None:
    pipeline, frames = chain(built_in("motion")), film(4)
    first, later = chunk(pipeline, frames, 0, 2), chunk(pipeline, frames, 2, 4)
    assert not first[0][1].planes[0].any()
    change = np.abs(frames[2].planes[0].astype(int) - frames[1].planes[0])
    assert np.array_equal(later[0][1].planes[0], change)


def test_no_frame_is_asked_for_beyond_the_last_that_is_needed() -> None:
    def endless() -> Frames:
        for rank in itertools.count():
            assert rank < 7, "asked for too much"
            yield rank, noise("yuv420p", 4, 4, rank)

    results = chain(weighted(-1, 1), weighted(0, 1)).run(endless(), 2, 5, PlainConverter())
    assert [rank for rank, _ in results] == [2, 3, 4]


def test_frames_are_given_out_as_soon_as_their_window_is_full() -> None:
    asked: list[int] = []

    def noted() -> Frames:
        for rank, picture in decoded(film(9), 0, 9):
            asked.append(rank)
            yield rank, picture

    results = chain(weighted(0, 2)).run(noted(), 0, 9, PlainConverter())
    next(results)
    assert asked == [0, 1, 2]


def test_memory_holds_a_window_and_no_more() -> None:
    given_: list[weakref.ref[Any]] = []

    def fresh() -> Frames:
        for rank in range(40):
            picture = noise("yuv420p", 4, 4, rank)
            given_.append(weakref.ref(picture.planes[0]))
            yield rank, picture

    most = 0
    for _, picture in chain(weighted(-2, 1), passing(), weighted(-1, 0)).run(fresh(), 0, 40, PlainConverter()):
        del picture
        most = max(most, sum(each() is not None for each in given_))
    assert most <= 5


def test_a_state_begins_anew_at_multiples_and_where_the_film_begins() -> None:
    seen: list[tuple[int, int]] = []

    def count(window: tuple[Picture], out: Picture, state: list[int], rank: int) -> Picture:
        state[0] += 1
        seen.append((rank, state[0]))
        return window[0]

    counting = chain(Filter("counting", "", ("yuv",), count, wants=("rank",), memory=Reset(lambda: [0], 4)))
    frames = film(12)
    assert [rank for rank, _ in chunk(counting, frames, 3, 10, range(3, 12))] == [3, 4, 5, 6, 7, 8, 9]
    assert seen == [(3, 1), (4, 1), (5, 2), (6, 3), (7, 4), (8, 1), (9, 2)]
    seen.clear()
    assert [rank for rank, _ in chunk(counting, frames, 7, 9, range(3, 12))] == [7, 8]
    assert seen == [(4, 1), (5, 2), (6, 3), (7, 4), (8, 1)]


def looks(every: int, before: int, after: int) -> tuple[Pipeline, list[int], dict[int, list[int]]]:
    """A chain of a filter that looks; the sums of the pictures that it looked at; and which it sees, by rank."""
    looked_at: list[int] = []
    sees: dict[int, list[int]] = {}

    def look(picture: Picture) -> int:
        looked_at.append(int(picture.planes[0].sum()))
        return looked_at[-1]

    def apply(window: tuple[Picture], out: Picture, seen: dict[int, int], rank: int) -> Picture:
        sees[rank] = list(seen)
        return window[0]

    memory = Look(look, every, (before, after))
    return chain(Filter("looks", "", ("yuv",), apply, wants=("rank",), memory=memory)), looked_at, sees


def test_each_frame_sees_the_looks_within_reach_and_each_is_looked_at_once() -> None:
    pipeline, looked_at, sees = looks(4, -5, 3)
    frames = film(14)
    chunk(pipeline, frames, 2, 14, range(2, 14))
    assert looked_at == [int(frames[rank].planes[0].sum()) for rank in (2, 4, 8, 12)]
    assert sees == {rank: [at for at in (2, 4, 8, 12) if rank - 5 <= at <= rank + 3] for rank in range(2, 14)}


def test_a_chunk_looks_at_no_frame_whose_look_it_does_not_use() -> None:
    pipeline, looked_at, sees = looks(4, -2, 1)
    frames = film(20)
    chunk(pipeline, frames, 7, 10)
    assert looked_at == [int(frames[8].planes[0].sum())]
    assert sees == {7: [8], 8: [8], 9: [8]}


def test_looking_converts_what_it_looks_at_and_holds_what_lies_ahead() -> None:
    converter, given_, most = PlainConverter(), list[weakref.ref[Any]](), 0

    def fresh() -> Frames:
        for rank in range(60):
            picture = noise("yuv420p", 4, 4, rank)
            given_.append(weakref.ref(picture.planes[0]))
            yield rank, picture

    results = chain(looking(10, -30, 4, ("gray",)), target="gray").run(fresh(), 30, 40, converter)
    for _, picture in results:
        del picture
        most = max(most, sum(each() is not None for each in given_))
    assert len(converter.conversions) == 3 + 10 + 1
    assert most <= 2


def test_time_spent_in_memory_is_time_spent_in_filters() -> None:
    now = 0.0

    def passing_time(*given: Any, **known: Any) -> Any:
        nonlocal now
        now += 1
        return given[1] if given[1:] else None

    for memory, seconds in ((Look(passing_time, 2, (-1, 1)), 4 + 2), (Reset(passing_time, 2), 4 + 2)):
        spent = Spent()
        pipeline = chain(Filter("slow", "", ("yuv",), passing_time, memory=memory))
        list(pipeline.run(decoded(film(4), 0, 4), 0, 4, PlainConverter(), clock=lambda: now, spent=spent))
        assert spent.filters == seconds


def test_what_fails_while_it_looks_or_begins_is_named_with_the_frame() -> None:
    def fail(*given: Any) -> Any:
        raise ZeroDivisionError("oh")

    for memory, rank in ((Look(fail, 2, (0, 1)), 2), (Reset(fail, 2), 0)):
        pipeline = chain(Filter("fragile", "", ("yuv",), passing().apply, memory=memory))
        with pytest.raises(FilterError) as caught:
            chunk(pipeline, film(4), 1, 4)
        assert str(caught.value) == f"frame {rank}: fragile failed: oh"


def test_the_last_filter_writes_where_it_is_told() -> None:
    canvas = PlainConverter().allocate("yuv420p", 6, 5)
    pipeline, frames = chain(weighted(0, 0), weighted(-1, 0)), film(3)
    truth = chunk(pipeline, frames, 0, 3)
    results = pipeline.run(decoded(frames, 0, 3), 0, 3, PlainConverter(), lambda: canvas)
    for (rank, picture), expected in zip(results, truth, strict=True):
        assert picture is canvas
        assert same([(rank, picture)], [expected])


def test_the_last_conversion_writes_where_it_is_told() -> None:
    canvas = PlainConverter().allocate("yuv420p", 6, 5)
    pipeline, frames = chain(weighted(0, 0, ("gray",))), film(3)
    truth = chunk(pipeline, frames, 0, 3)
    results = pipeline.run(decoded(frames, 0, 3), 0, 3, PlainConverter(), lambda: canvas)
    for (rank, picture), expected in zip(results, truth, strict=True):
        assert picture is canvas
        assert same([(rank, picture)], [expected])


def test_a_filter_writes_where_it_is_told_in_the_format_that_it_gives() -> None:
    canvas = PlainConverter().allocate("bgr24", 6, 5)
    frames, converter = film(1), PlainConverter()
    pipeline = chain(weighted(0, 0, ("gray",)), colouring(), target="bgr24")
    ((_, picture),) = pipeline.run(decoded(frames, 0, 1), 0, 1, converter, lambda: canvas)
    assert picture is canvas
    assert converter.conversions == [("yuv420p", "gray")]
    assert canvas.array[..., 0].any()
    assert not canvas.array[..., 1:].any()


def test_what_a_filter_gives_in_another_format_is_converted_from_that() -> None:
    converter = PlainConverter()
    list(chain(colouring(), passing(("bgr24",))).run(decoded(film(1), 0, 1), 0, 1, converter))
    assert converter.conversions == [("yuv420p", "gray"), ("bgr24", "yuv420p")]


def test_a_result_in_another_format_is_converted_from_that() -> None:
    def gray(window: tuple[Picture, ...], out: Picture) -> Picture:
        return Picture("gray", (np.full((5, 6), 50, np.uint8),))

    converter = PlainConverter()
    colour_in_gray_out = Filter("gray", "", ("bgr24",), gray)
    ((_, picture),) = chain(colour_in_gray_out).run(decoded(film(1), 0, 1), 0, 1, converter)
    assert converter.conversions == [("yuv420p", "bgr24"), ("gray", "yuv420p")]
    assert (picture.planes[0] == 50).all()


def test_each_filter_gets_pictures_of_the_shape_that_the_one_before_gives() -> None:
    pipeline, frames = chain(turning(), weighted(-1, 0), turning(("gray",)), passing(), turning()), film(4)
    sizes = [(picture.width, picture.height) for _, picture in chunk(pipeline, frames, 0, 4)]
    assert sizes == [(5, 6)] * 4


def test_a_filter_hears_what_it_wants_to_know() -> None:
    heard: list[dict[str, Any]] = []

    def note(window: tuple[Picture, ...], out: Picture, **known: Any) -> Picture:
        heard.append(known)
        return out

    for form in ("yuv", "gray"):
        wanting = Filter("wanting", "", (form,), note, wants=("rank", "full_range"))
        chunk(chain(wanting, Filter("plain", "", (form,), note)), film(6), 4, 6)
    said = [{"rank": rank, "full_range": full} for full in (False, True) for rank in (4, 5)]
    assert [known for known in heard if known] == said
    assert heard.count({}) == 4


def test_no_filters_convert_only() -> None:
    converter = PlainConverter()
    frames = film(3)
    same_format = list(chain().run(decoded(frames, 0, 3), 1, 3, converter))
    assert [picture for _, picture in same_format] == frames[1:]
    assert converter.conversions == []
    list(chain(target="gray").run(decoded(frames, 0, 3), 1, 3, converter))
    assert converter.conversions == [("yuv420p", "gray")] * 2


def test_nothing_wanted_asks_for_nothing() -> None:
    frames = decoded(film(3), 0, 3)
    assert list(chain(weighted(-1, 1)).run(frames, 2, 2, PlainConverter())) == []
    assert next(frames)[0] == 0


def test_time_is_told_apart_by_filters_and_conversions() -> None:
    now = 0.0

    class Slow(PlainConverter):
        def convert(self, picture: Picture, to: str, out: Picture | None = None) -> Picture:
            nonlocal now
            now += 10
            return super().convert(picture, to, out)

    def work(window: tuple[Picture, ...], out: Picture) -> Picture:
        nonlocal now
        now += 1
        return out

    def slow_decoding() -> Frames:
        nonlocal now
        for each in decoded(film(4), 0, 4):
            now += 1000
            yield each

    spent = Spent()
    pipeline = chain(Filter("work", "", ("gray",), work))
    list(pipeline.run(slow_decoding(), 0, 4, Slow(), clock=lambda: now, spent=spent))
    assert spent == Spent(filters=4.0, conversions=80.0)


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([0, 1, 3, 4, 5, 6], "frame 2 is missing: frame 3 came after frame 1"),
        ([3, 4, 5, 6], "frame 2 is missing: the frames begin with 3"),
        ([0, 1, 2, 3], "frame 4 is missing: the frames ended before it"),
        ([], "frame 2 is missing: the frames ended before it"),
    ],
)
def test_missing_frames_are_an_error_of_the_media(ranks: list[int], said: str) -> None:
    frames = film(7)
    given_: Iterator[tuple[int, Picture]] = ((rank, frames[rank]) for rank in ranks)
    with pytest.raises(MediaError) as caught:
        list(chain(weighted(-1, 0)).run(given_, 2, 6, PlainConverter()))
    assert str(caught.value) == said


def test_a_filter_that_raises_is_named_with_the_frame() -> None:
    def fail(window: tuple[Picture, ...], out: Picture) -> Picture:
        if int(window[0].planes[0][0, 0]) == 200:
            raise ZeroDivisionError("oh")
        return out

    frames = film(4)
    frames[2].planes[0][0, 0], frames[1].planes[0][0, 0], frames[0].planes[0][0, 0] = 200, 0, 0
    results = chain(Filter("fragile", "", ("yuv",), fail)).run(decoded(frames, 0, 4), 0, 4, PlainConverter())
    assert [next(results)[0], next(results)[0]] == [0, 1]
    with pytest.raises(FilterError, match=r"^frame 2: fragile failed: oh$"):
        next(results)


def test_a_users_filter_that_raises_is_named_with_frame_and_line() -> None:
    pipeline = plan([FilterSpec("custom", code="def f(frame):\n    return frame.nothing")], "yuv420p", "yuv420p")
    with pytest.raises(FilterError, match=r"^frame 0: the custom filter failed: AttributeError: .*\(line 2\)$"):
        chunk(pipeline, film(1), 0, 1)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "frame 0: odd returned NoneType, not a picture"),
        (noise("yuv420p", 4, 5), "frame 0: odd returned a picture of 4x5, not 6x5"),
    ],
)
def test_a_filter_that_returns_no_such_picture_is_named(result: Any, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        chunk(chain(Filter("odd", "", ("yuv",), lambda window, out: result)), film(1), 0, 1)
    assert str(caught.value) == said
