"""Where things are between looks, by looks made by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.filters.tracks import Box, Sighting, boxes, reach

EVERY, VOTES, HOLD = 4, 5, 2.0
Path = Callable[[int], tuple[float, float, float]]
Seen = dict[int, tuple[Sighting, ...]]


def sighting(x: float, y: float = 100, side: float = 50, votes: int = 20) -> Sighting:
    return Sighting(x, y, side, side, votes)


def looks(*paths: Path, stop: int = 41, votes: int = 20) -> Seen:
    """What is found of things that go these ways, (left, top, side) by rank."""
    return {at: tuple(sighting(*path(at), votes) for path in paths) for at in range(0, stop, EVERY)}


def at(seen: Seen, rank: int, hold: float = HOLD) -> list[Box]:
    before, after = reach(EVERY)
    known = {look: found for look, found in seen.items() if rank + before <= look <= rank + after}
    return boxes(known, rank, EVERY, VOTES, hold)


def straight(rank: int) -> tuple[float, float, float]:
    return 10 + 3 * rank, 200 - 2 * rank, 50 + rank


def test_a_straight_way_is_followed_in_every_frame() -> None:
    seen = looks(straight)
    for rank in range(41):
        (box,) = at(seen, rank)
        left, top, side = straight(rank)
        assert np.allclose(box, (left, top, side, side), atol=0.6)


def test_a_bend_is_cut_by_less_than_a_straight_line_does() -> None:
    def bend(rank: int) -> tuple[float, float, float]:
        return 0.5 * (rank - 20) ** 2, 100, 80

    seen = looks(bend)
    chord = max(abs((bend(a)[0] + bend(a + 4)[0]) / 2 - bend(a + 2)[0]) for a in range(8, 32, 4))
    off = [abs(at(seen, rank)[0].left - bend(rank)[0]) for rank in range(8, 33)]
    assert max(off) < 0.6 * chord


def test_trembling_is_smoothed() -> None:
    rng = np.random.default_rng(1)
    noisy: Seen = {look: (sighting(*rng.normal((100, 100, 60), 2)),) for look in range(0, 401, EVERY)}
    seen = np.array([found[0][:4] for found in noisy.values()])
    smooth = np.array([at(noisy, rank)[0] for rank in range(401)])
    assert np.abs(np.diff(smooth, axis=0)).mean() < np.abs(np.diff(seen, axis=0)).mean() / 7
    assert np.abs(smooth - (100, 100, 60, 60)).mean() < np.abs(seen - (100, 100, 60, 60)).mean()


def test_a_look_that_missed_it_is_bridged() -> None:
    seen = looks(straight) | {20: ()}
    for rank in range(16, 25):
        (box,) = at(seen, rank)
        assert np.allclose(box[:2], straight(rank)[:2], atol=1)


def test_what_few_looks_vote_for_is_none() -> None:
    once = looks(stop=41) | {20: (sighting(100, votes=2 * VOTES - 1),)}
    assert not any(at(once, rank) for rank in range(41))
    assert not any(at(looks(straight, votes=VOTES - 1), rank) for rank in range(41))
    assert all(at(looks(straight, votes=VOTES), rank) for rank in range(41))


def test_one_look_that_is_sure_is_enough() -> None:
    seen = looks(stop=41) | {20: (sighting(100, votes=2 * VOTES),)}
    assert [rank for rank in range(41) if at(seen, rank)] == [18, 19, 20, 21, 22]
    assert [rank for rank in range(41) if at(seen, rank, hold=EVERY)] == [17, 18, 19, 20, 21, 22, 23]


def test_a_weak_look_between_strong_ones_belongs_to_them() -> None:
    seen = looks(straight) | {20: (sighting(*straight(20), votes=1),)}
    assert all(len(at(seen, rank)) == 1 for rank in range(41))


def test_behind_the_last_look_no_look_denies_it_and_it_goes_on() -> None:
    seen = looks(straight)
    for rank in (40, 41, 42, 43):
        (box,) = at(seen, rank)
        assert np.allclose(box[:2], straight(rank)[:2], atol=1)


def test_a_film_may_begin_anywhere() -> None:
    seen = {rank: (sighting(*straight(rank)),) for rank in (42, 44, 48, 52)}
    for rank in range(42, 53):
        (box,) = at(seen, rank)
        assert np.allclose(box[:2], straight(rank)[:2], atol=0.5)


def test_quick_ones_are_followed_over_more_than_their_width() -> None:
    def quick(rank: int) -> tuple[float, float, float]:
        return 20.0 * rank, 100, 50

    seen = looks(quick)
    for rank in range(41):
        (box,) = at(seen, rank)
        assert abs(box.left - 20 * rank) < 2


def test_two_that_pass_each_other_stay_two() -> None:
    def other(rank: int) -> tuple[float, float, float]:
        return 130 - 3 * rank, 60 + 2 * rank, 50

    seen = looks(straight, other)
    for rank in range(41):
        one, two = sorted(at(seen, rank), key=lambda box: abs(box.left - straight(rank)[0]))
        assert np.allclose(one[:2], straight(rank)[:2], atol=0.5)
        assert np.allclose(two[:2], other(rank)[:2], atol=0.5)


SIGHTINGS = st.builds(sighting, st.floats(0, 300), st.floats(0, 200), st.floats(20, 90), st.integers(2, 30))


@given(st.lists(st.lists(SIGHTINGS, max_size=3).map(tuple), min_size=12, max_size=12), st.integers(0, 3), st.data())
def test_looks_beyond_its_reach_change_nothing(
    found: list[tuple[Sighting, ...]], begin: int, data: st.DataObject
) -> None:
    """So a chunk, which has no others, is like the whole film. The first look may be anywhere."""
    ranks = [begin, *range(4, 48, EVERY)]
    seen = dict(zip(ranks, found, strict=True))
    rank = data.draw(st.integers(begin, 47))
    assert at(seen, rank) == boxes(seen, rank, EVERY, VOTES, HOLD)


@pytest.mark.parametrize("missed", [(), (12,), (12, 20), (8, 16, 24)])
def test_boxes_do_not_jump_wherever_looks_are_missing(missed: tuple[int, ...]) -> None:
    def swing(rank: int) -> tuple[float, float, float]:
        return 100 + 60 * float(np.sin(rank / 7)), 100, 60

    seen = looks(swing) | dict.fromkeys(missed, ())
    lefts = [at(seen, rank)[0].left for rank in range(41)]
    steps = [after - before for before, after in itertools.pairwise(lefts)]
    assert max(abs(after - before) for before, after in itertools.pairwise(steps)) < 6
