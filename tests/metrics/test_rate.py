from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.metrics.rate import RateMeter

pytestmark = pytest.mark.unit


@given(st.floats(1, 1000), st.floats(0.05, 0.5), st.integers(5, 400), st.floats(0, 1e6))
def test_a_steady_flow_is_measured_from_the_start(rate: float, step: float, steps: int, start: float) -> None:
    meter = RateMeter(5.0, start)
    for number in range(1, steps + 1):
        meter.add(rate * step, start + number * step)
    # What comes in lumps is read just after one: too high by half a lump's weight.
    assert meter.rate(start + steps * step) == pytest.approx(rate, rel=0.06)


def test_it_forgets() -> None:
    meter = RateMeter(5.0, 0.0)
    meter.add(500, 5.0)
    assert meter.rate(5.0) > 100
    assert meter.rate(60.0) < 0.01


def test_it_follows_a_change() -> None:
    meter = RateMeter(2.0, 0.0)
    for second in range(1, 41):
        meter.add(10 if second <= 20 else 50, float(second))
    assert 45 < meter.rate(40.5) < 55


def test_at_the_very_start_there_is_no_rate() -> None:
    assert RateMeter(5.0, 7.0).rate(7.0) == 0.0


def test_a_window_has_a_length() -> None:
    with pytest.raises(ValueError, match="window"):
        RateMeter(0.0, 0.0)
