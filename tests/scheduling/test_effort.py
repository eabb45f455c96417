from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from tests.scheduling.plans import chunks
from vidproc.scheduling.effort import Effort

pytestmark = pytest.mark.unit


def test_frames_of_equal_bytes_are_equal_work() -> None:
    film = chunks([3, 2], frames=10)
    assert Effort().measure(film) == [pytest.approx((10.0 * n, 10.0 * n + 10)) for n in range(5)]


def test_a_chunk_with_more_bytes_is_more_work_and_the_film_as_much_as_it_has_frames() -> None:
    first, second = chunks([2], frames=10)
    heavy = replace(second, packets_stop=second.packets_stop + 20)
    (begin, middle), (again, end) = Effort().measure([first, heavy])
    assert (begin, middle, end) == (0.0, again, pytest.approx(20.0))
    assert middle < 10.0 < end - middle


def test_stretches_lie_end_to_end_however_the_plan_came() -> None:
    film, effort = chunks([4, 4], frames=7), Effort()
    scale = [*effort.measure(film[:3]), *effort.measure(film[3:])]
    assert all(one[1] == other[0] for one, other in pairwise(scale))


def test_a_plan_without_bytes_counts_frames() -> None:
    empty = [replace(chunk, packets_start=0, packets_stop=0) for chunk in chunks([2], frames=5)]
    assert Effort().measure(empty) == [(0.0, 5.0), (5.0, 10.0)]
