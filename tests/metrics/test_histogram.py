from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.metrics.histogram import BUCKETS, RELATIVE_ERROR, UNIT, Histogram

pytestmark = pytest.mark.unit

times = st.floats(UNIT, 70_000.0)


def of(seconds: list[float]) -> Histogram:
    histogram = Histogram()
    for time in seconds:
        histogram.add(time)
    return histogram


@given(st.lists(times, min_size=1), st.integers(0, 100))
def test_percentiles_are_off_by_two_percent_at_most(seconds: list[float], percent: int) -> None:
    exact = sorted(seconds)[max(1, math.ceil(len(seconds) * percent / 100)) - 1]
    assert RELATIVE_ERROR < 0.02
    assert of(seconds).percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-9)


@given(st.lists(times), st.lists(times))
def test_merging_is_the_same_as_counting_together(some: list[float], others: list[float]) -> None:
    merged = of(some)
    merged.merge(of(others).counts)
    assert merged.counts == of(some + others).counts
    assert merged.total == len(some) + len(others)


def test_percentiles_of_a_hundred() -> None:
    histogram = of([milliseconds / 1000 for milliseconds in range(1, 101)])
    for percent in (50, 95, 99, 100):
        assert histogram.percentile(percent) == pytest.approx(percent / 1000, rel=0.02)


def test_nothing_has_no_percentile() -> None:
    assert Histogram().percentile(50) == 0.0


def test_what_is_off_the_scale_lands_at_its_ends() -> None:
    assert of([0.0, UNIT / 2]).counts == {0: 2}
    assert of([1e9]).counts == {BUCKETS - 1: 1}


def test_counts_survive_the_way_to_another_process() -> None:
    counts = of([0.001, 0.5, 0.5]).counts
    assert Histogram(counts).counts == counts


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="not a length of time"):
        Histogram().add(seconds)


@pytest.mark.parametrize("counts", [{-1: 1}, {BUCKETS: 1}, {3: -1}, {2: 5, 3: -1}])
def test_what_are_no_counts_is_refused_whole(counts: dict[int, int]) -> None:
    histogram = Histogram()
    with pytest.raises(ValueError, match="not a count"):
        histogram.merge(counts)
    assert histogram.total == 0


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_percentile_is_a_percentage(percent: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        Histogram().percentile(percent)


@given(st.lists(times), st.lists(times, unique=True))
def test_counts_up_to_bounds_are_those_of_times_nearly_so_long(seconds: list[float], bounds: list[float]) -> None:
    bounds.sort()
    for bound, count in zip(bounds, of(seconds).up_to(bounds), strict=True):
        least = sum(time <= bound / (1 + RELATIVE_ERROR + 1e-9) for time in seconds)
        most = sum(time <= bound * (1 + RELATIVE_ERROR + 1e-9) for time in seconds)
        assert least <= count <= most


@given(st.lists(times))
def test_the_sum_is_off_by_two_percent_at_most(seconds: list[float]) -> None:
    assert of(seconds).sum == pytest.approx(sum(seconds), rel=RELATIVE_ERROR + 1e-9)
