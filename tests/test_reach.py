"""The frames that a chain is said to need, against asking each stage for each frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.reach import NO_REACH, Reach, ReachStep

pytestmark = pytest.mark.unit

STEPS = st.builds(ReachStep, st.integers(-3, 0), st.integers(0, 3), st.integers(1, 9))


def needed(steps: list[ReachStep], rank: int, segment: range) -> set[int]:
    """All frames of the source that the result of this rank depends on."""
    if not steps:
        return {rank}
    *earlier, last = steps
    begun = max(rank - rank % last.every, segment.start)
    seen = {at + offset for at in range(begun, rank + 1) for offset in range(last.before, last.after + 1)}
    return set().union(*(needed(earlier, at, segment) for at in seen if at in segment))


@given(st.lists(STEPS, max_size=3), st.integers(0, 20), st.integers(1, 30), st.data())
def test_first_and_last_are_those_that_frames_depend_on(
    steps: list[ReachStep], begin: int, length: int, data: st.DataObject
) -> None:
    segment, reach = range(begin, begin + length), Reach(tuple(steps))
    start = data.draw(st.sampled_from(segment))
    stop = data.draw(st.integers(start + 1, segment.stop))
    ranks = set().union(*(needed(steps, rank, segment) for rank in range(start, stop)))
    assert min(ranks) == max(reach.first(start), segment.start)
    assert max(ranks) + 1 == min(reach.last(stop), segment.stop)


def test_a_chain_that_reaches_nowhere() -> None:
    assert (NO_REACH.first(7), NO_REACH.last(9), NO_REACH.period) == (7, 9, 1)


def test_the_period_is_the_longest() -> None:
    assert Reach((ReachStep(-1), ReachStep(every=250), ReachStep(every=4))).period == 250
