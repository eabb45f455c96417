from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.scheduling.rates import TokenBucket

pytestmark = pytest.mark.unit


def test_no_limit_never_waits() -> None:
    bucket = TokenBucket(0.0, 1.0, 0.0)
    bucket.spend(1e9, 0.0)
    assert bucket.ready_at(0.0) == 0.0


def test_debt_is_waited_for() -> None:
    bucket = TokenBucket(64.0, 1.0, 10.0)
    bucket.spend(192, 10.0)
    assert bucket.ready_at(10.0) == 12.0
    assert bucket.ready_at(11.0) == 12.0
    assert bucket.ready_at(12.0) == 12.0
    assert bucket.ready_at(13.0) == 13.0


def test_savings_are_bounded_by_the_burst() -> None:
    bucket = TokenBucket(64.0, 0.5, 0.0)
    bucket.spend(64, 1000.0)
    assert bucket.ready_at(1000.0) == 1000.5


def test_rounding_wakes_nobody_in_vain() -> None:
    bucket = TokenBucket(0.7, 1.0, 0.0)
    bucket.spend(28, 0.0)
    at = bucket.ready_at(0.0)
    assert at == pytest.approx(39.0)
    assert bucket.ready_at(at) == at


def test_another_rate_holds_from_now_on_and_debts_stay() -> None:
    bucket = TokenBucket(64.0, 1.0, 0.0)
    bucket.spend(192, 0.0)
    bucket.change(32.0, 1.0)
    assert bucket.ready_at(1.0) == 3.0
    bucket.change(0.0, 2.0)
    bucket.spend(1e9, 2.0)
    assert bucket.ready_at(2.0) == 2.0
    bucket.change(10.0, 5.0)
    assert bucket.ready_at(5.0) == 5.0 + 32.0 / 10.0


def test_what_was_not_limited_has_saved_nothing_up() -> None:
    bucket = TokenBucket(0.0, 1.0, 0.0)
    bucket.change(10.0, 100.0)
    bucket.spend(20, 100.0)
    assert bucket.ready_at(100.0) == 102.0


@given(st.floats(1, 2000), st.lists(st.integers(1, 500), min_size=1, max_size=50), st.floats(0, 1e6))
def test_over_time_the_rate_is_kept_whatever_the_sizes(rate: float, sizes: list[int], start: float) -> None:
    bucket, now = TokenBucket(rate, 1.0, start), start
    for size in sizes:
        bucket.spend(size, now)
        now = bucket.ready_at(now)
        assert bucket.ready_at(now) == now, "woken in vain"
    saved = rate * 1.0
    assert sum(sizes) == pytest.approx((now - start) * rate + saved, abs=0.1) or sum(sizes) < saved


@pytest.mark.parametrize(("rate", "burst"), [(-1.0, 1.0), (64.0, 0.0)])
def test_nonsense_is_refused(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="not a rate limit"):
        TokenBucket(rate, burst, 0.0)
