from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.scheduling.reorder import ReorderBuffer

pytestmark = pytest.mark.unit


@given(st.integers(1, 6), st.permutations(range(20)))
def test_everything_leaves_once_and_in_order(capacity: int, order: list[int]) -> None:
    buffer, left, todo = ReorderBuffer(capacity), [], list(order)
    while todo:
        index = next(i for i in todo if i < buffer.limit)
        todo.remove(index)
        buffer.add(index)
        assert buffer.held <= capacity
        while (leaving := buffer.take()) is not None:
            left.append(leaving)
            buffer.confirm(leaving)
    assert left == list(range(20))
    assert buffer.held == 0


def test_one_leaves_at_a_time() -> None:
    buffer = ReorderBuffer(4)
    buffer.add(0)
    buffer.add(1)
    assert buffer.take() == 0
    assert buffer.take() is None
    buffer.confirm(0)
    assert buffer.take() == 1


@pytest.mark.parametrize("index", [-1, 2, 3])
def test_what_is_outside_the_window_or_here_already_is_refused(index: int) -> None:
    buffer = ReorderBuffer(3)
    buffer.add(2)
    with pytest.raises(ValueError, match="not awaited"):
        buffer.add(index)


def test_only_what_was_handed_out_can_be_confirmed() -> None:
    buffer = ReorderBuffer(3)
    buffer.add(0)
    with pytest.raises(ValueError, match="not handed out"):
        buffer.confirm(0)
    buffer.take()
    with pytest.raises(ValueError, match="not handed out"):
        buffer.confirm(1)


def test_it_needs_room() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ReorderBuffer(0)
