from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.scheduling.splitting import split_point

pytestmark = pytest.mark.unit


def finishing_times(position: float, end: float, seek: float, slots: int, cost: float) -> list[float]:
    """Split again and again, as the scheduler does, and add up each slot's work."""
    times = []
    for left in range(slots, 1, -1):
        point = split_point(position, end, seek, left, cost)
        times.append(point - position)
        # The next owner stands as far before `point` as its lead-in is worth.
        position = point - (point - seek) * cost
    return [*times, end - position]


@given(st.integers(0, 500), st.integers(100, 5000), st.integers(2, 16), st.floats(0.0, 0.6))
def test_all_slots_finish_together(before: int, length: int, slots: int, cost: float) -> None:
    times = finishing_times(before, before + length, 0, slots, cost)
    assert times == pytest.approx([times[0]] * slots, rel=1e-6, abs=1e-6)


def test_without_lead_in_it_is_an_even_cut() -> None:
    assert split_point(0, 100, 0, 4, 0.0) == pytest.approx(25)


def test_with_it_the_first_slot_gets_more() -> None:
    assert split_point(0, 300, 0, 2, 1 / 3) == pytest.approx(180)
