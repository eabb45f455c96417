from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

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
    assert sentence(replace(chunk, stop=97), unknown, 1).startswith("frame 96 failed: the connection")


def test_a_daemon_rests_twice_as_long_after_each_setback_up_to_the_cap() -> None:
    assert [Policy(rest_base=1.0, rest_cap=5.0).rest(setbacks) for setbacks in (1, 2, 3, 4, 5000)] == [1, 2, 4, 5, 5]


def test_a_lost_slot_and_one_without_memory_speak_against_their_daemon() -> None:
    def speaks(code: str, lost: bool) -> bool:
        return Failure(code, "", retryable=True, lost=lost).of_the_daemon

    assert (speaks("slot-died", True), speaks("worker", False), speaks("filter", False)) == (True, True, False)
