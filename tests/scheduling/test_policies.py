from __future__ import annotations

import random

import pytest

from tests.scheduling.plans import chunks
from vidproc.scheduling.policies import Failure, Policy, sentence

pytestmark = pytest.mark.unit


class Highest:
    """Always the longest backoff."""

    def uniform(self, a: float, b: float, /) -> float:
        assert a == 0.0, "full jitter begins at nothing"
        return b


def test_backoff_doubles_up_to_its_cap() -> None:
    policy = Policy()
    longest = [policy.backoff(errors, Highest()) for errors in range(1, 9)]
    assert longest == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
    assert policy.backoff(10**6, Highest()) == 10.0


def test_backoff_is_spread_over_the_whole_range() -> None:
    rng = random.Random(1)
    rests = [Policy().backoff(4, rng) for _ in range(200)]
    assert min(rests) < 0.1
    assert 1.5 < max(rests) <= 1.6


@pytest.mark.parametrize(
    ("errors", "losses", "exhausted"), [(3, 0, False), (4, 0, True), (3, 3, False), (0, 4, True), (0, 0, False)]
)
def test_errors_and_losses_have_budgets_of_their_own(errors: int, losses: int, exhausted: bool) -> None:
    assert Policy().exhausted(errors, losses) is exhausted


def test_the_sentence_names_what_is_known() -> None:
    chunk = chunks([3])[2]
    raised = Failure("filter", "invert raised ValueError", retryable=True, frame=101)
    assert sentence(chunk, raised, 4) == (
        "frame 101 failed: invert raised ValueError (chunk 2, frames 96 to 143, 4 attempts)"
    )
    unknown = Failure("worker", "the connection to daemon b was lost", retryable=True, lost=True)
    assert sentence(chunk, unknown, 1) == (
        "frames 96 to 143 failed: the connection to daemon b was lost (chunk 2, 1 attempt)"
    )
