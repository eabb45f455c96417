"""Runs of frames: few where there may be many ranks."""

from __future__ import annotations

import pytest

from vidproc.metrics.runs import Run, joined

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("runs", "few"),
    [
        ([], ()),
        ([(3, 4)], ((3, 4),)),
        ([(n, n + 1) for n in (1, 2, 3, 7, 9, 10)], ((1, 4), (7, 8), (9, 11))),
        ([(0, 48), (48, 60), (61, 62)], ((0, 60), (61, 62))),
    ],
)
def test_those_that_meet_become_one(runs: list[Run], few: tuple[Run, ...]) -> None:
    assert joined(runs) == few
