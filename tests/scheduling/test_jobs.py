from __future__ import annotations

import pytest

from tests.scheduling.plans import chunks
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import TRANSITIONS, ChunkState

pytestmark = pytest.mark.unit


def job_with(groups: list[int], in_flight: int = 100) -> Job:
    job = Job("j", custom=False, in_flight=in_flight, order=1)
    job.plan(chunks(groups), final=True)
    return job


def test_the_table_is_small_and_every_state_is_in_it() -> None:
    assert len(ChunkState) <= 8
    assert TRANSITIONS.keys() == set(ChunkState)


@pytest.mark.parametrize("state", sorted(set(ChunkState) - {ChunkState.LEASED, ChunkState.READY}))
def test_a_waiting_chunk_can_only_be_leased_or_found_to_be_done(state: ChunkState) -> None:
    job = job_with([1])
    with pytest.raises(ValueError, match="chunk 0 can't go from waiting"):
        job.move(job.records[0], state)


def test_only_the_window_is_leasable() -> None:
    job = job_with([9], in_flight=3)
    assert job.leasable == [0, 1, 2]
    for state in (ChunkState.LEASED, ChunkState.PERSISTING, ChunkState.READY):
        job.move(job.records[0], state)
    assert job.leasable == [1, 2]
    job.reorder.add(0)
    job.reorder.take()
    job.delivered(0)
    assert job.leasable == [1, 2, 3]
    assert list(job.records) == list(range(1, 9))


def test_chunks_come_in_order_and_none_after_the_last() -> None:
    first, second, third = chunks([3])
    job = Job("j", custom=False, in_flight=4, order=1)
    job.plan([first], final=False)
    with pytest.raises(ValueError, match="chunk 2 planned where 1 was due"):
        job.plan([third], final=False)
    job.plan([second], final=True)
    with pytest.raises(ValueError, match="chunk 2 planned"):
        job.plan([third], final=True)


def test_seek_points_are_where_their_first_chunk_begins() -> None:
    assert [record.seek for record in job_with([2, 1, 3]).records.values()] == [0, 0, 96, 144, 144, 144]
