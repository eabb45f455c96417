"""Chunks whose results an earlier coordinator had kept: they are not leased again, and the film is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling.plans import chunks
from tests.scheduling.test_scheduler import Desk, only
from vidproc.scheduling import events as ev

pytestmark = pytest.mark.unit


def planned(desk: Desk, count: int, kept: set[int], in_flight: int = 64, step: int = 0) -> list[ev.Command]:
    """A job of so many chunks, of one group, told of at once or by steps."""
    step = step or max(1, count)
    said = desk(ev.JobSubmitted("j", False, in_flight))
    for start in range(0, count, step):
        some = chunks([count])[start : start + step]
        held = frozenset(kept & {chunk.index for chunk in some})
        said += desk(ev.ChunksPlanned("j", tuple(some), start + step >= count, held))
    return said


def test_a_film_of_which_all_is_kept_needs_no_daemon() -> None:
    desk = Desk()
    said = planned(desk, 3, {0, 1, 2})
    for index in range(3):
        assert said == [ev.Deliver("j", index)]
        said = desk(ev.ChunkDelivered("j", index))
    assert said == [ev.CompleteJob("j")]


def test_what_is_kept_is_delivered_in_its_turn_and_counts_as_no_retry() -> None:
    desk = Desk()
    desk.join("a")
    (grant,) = only(ev.Grant, planned(desk, 3, {1}))
    assert grant.chunk == 0
    assert only(ev.Deliver, desk(ev.ChunkFinished(grant.lease), ev.ChunkPersisted(grant.lease))) == [ev.Deliver("j", 0)]
    assert only(ev.Deliver, desk(ev.ChunkDelivered("j", 0))) == [ev.Deliver("j", 1)]
    assert desk.scheduler.figures("j").retries == 0


@given(st.data())
def test_each_other_chunk_is_leased_once_and_all_are_delivered_in_order(data: st.DataObject) -> None:
    """However they are told of, and whether they fit into the window or not."""
    count = data.draw(st.integers(1, 30))
    kept = data.draw(st.sets(st.integers(0, count - 1)))
    desk = Desk()
    desk.join("a", slots=data.draw(st.integers(1, 3)))
    queue = planned(desk, count, kept, data.draw(st.integers(1, 8)), data.draw(st.integers(1, count)))
    leased, delivered = [], []
    while queue:
        match queue.pop(data.draw(st.integers(0, len(queue) - 1))):
            case ev.Grant(lease=lease, chunk=chunk):
                leased.append(chunk)
                queue += desk(ev.ChunkFinished(lease))
            case ev.Persist(lease=lease):
                queue += desk(ev.ChunkPersisted(lease))
            case ev.Deliver(chunk=chunk):
                delivered.append(chunk)
                queue += desk(ev.ChunkDelivered("j", chunk))
    assert sorted(leased) == sorted(set(range(count)) - kept)
    assert delivered == list(range(count))
