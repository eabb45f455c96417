from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.media.film_clock import FINEST, FilmClock, FrameTimes, Window

pytestmark = pytest.mark.media

MS = Fraction(1, 1000)


def clock(times: list[int], time_base: Fraction = MS, duration: int = 40, window: Window | None = None) -> FilmClock:
    return FilmClock(FrameTimes(times, [duration] * len(times), time_base), window)


def shown(made: FilmClock) -> list[int]:
    return [made.shown(n) for n in range(len(made))]


def test_times_are_the_sources_own_ticks() -> None:
    made = clock([1400, 1440, 1500])
    assert (made.tick, shown(made)) == (MS, [1400, 1440, 1500])
    assert [made.duration(n) for n in range(3)] == [40, 60, 40]


def test_before_the_first_frame_time_goes_on_backwards() -> None:
    made = clock([1400, 1440, 1500])
    assert [made.shown(-1), made.shown(-2)] == [1360, 1320]


def test_a_time_base_of_many_units_becomes_single_ticks() -> None:
    made = clock([0, 1, 2], Fraction(1001, 30000), duration=1)
    assert (made.tick, shown(made), made.duration(2)) == (Fraction(1, 30000), [0, 1001, 2002], 1001)


def test_too_fine_a_time_base_is_rounded_and_stays_increasing() -> None:
    made = clock([0, 1, 2, 5000], Fraction(1, 10**9), duration=1000)
    assert (made.tick, shown(made)) == (Fraction(1, FINEST), [0, 1, 2, 5])


def test_a_film_that_begins_before_zero_is_moved() -> None:
    made = clock([-80, -40, 0])
    assert (made.moved, shown(made), made.pieces[0].shift) == (80 * MS, [0, 40, 80], 80 * MS)


def test_a_window_begins_at_zero() -> None:
    made = clock([1400, 1440], window=Window(Fraction(139, 100), Fraction(2)))
    assert (shown(made), made.pieces[0].shift) == ([10, 50], -Fraction(139, 100))


def test_joined_pieces_follow_each_other() -> None:
    made = clock([*range(1000, 1400, 40), *range(1000, 1400, 40)])
    assert shown(made) == list(range(1000, 1800, 40))
    assert [(p.shift, p.begin) for p in made.pieces] == [(0, Fraction(1)), (400 * MS, Fraction(14, 10))]


def test_frames_at_the_same_time_are_told_apart_by_a_tick() -> None:
    made = clock([0, 40, 40, 80])
    assert (shown(made), len(made.pieces)) == ([0, 40, 41, 80], 1)


def test_a_little_disorder_is_no_new_piece() -> None:
    made = clock([40, 80, 200, 160, 120, 240])
    assert (shown(made), len(made.pieces)) == ([40, 80, 120, 160, 200, 240], 1)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60), st.sampled_from([MS, Fraction(1001, 24000)]))
def test_times_always_increase_and_never_lie_before_zero(times: list[int], time_base: Fraction) -> None:
    made = FilmClock(FrameTimes(times, [0] * len(times), time_base), None)
    seen = shown(made)
    assert all(a < b for a, b in pairwise(seen))
    assert seen[0] >= 0
    assert all(made.duration(n) > 0 for n in range(len(seen)))
