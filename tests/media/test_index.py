from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.media.index import REORDER_LIMIT, Disordered, Entry, JumpDetector, PacketFacts, PacketIndexer
from vidproc.media.records import HIDDEN

pytestmark = pytest.mark.unit


def index(packets: list[PacketFacts], mend: bool = False) -> list[Entry]:
    indexer = PacketIndexer(mend)
    entries = [entry for facts in packets for entry in indexer.add(facts)]
    return entries + indexer.finish()


@st.composite
def decode_orders(draw: st.DrawFn) -> list[int]:
    """Presentation times in decode order: groups of at most 16 frames shuffled, so that none is overtaken by more."""
    times: list[int] = []
    for size in draw(st.lists(st.integers(1, REORDER_LIMIT), max_size=8)):
        group = list(range(len(times), len(times) + size))
        times += draw(st.permutations(group))
    return times


@given(decode_orders())
def test_ranks_are_the_order_of_presentation(times: list[int]) -> None:
    entries = index([PacketFacts(time * 40 + 7) for time in times])
    assert [entry.rank for entry in entries] == times


@given(decode_orders(), st.data())
def test_packets_that_are_not_shown_have_no_rank_but_a_position(times: list[int], data: st.DataObject) -> None:
    shown = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    entries = index([PacketFacts(time, is_shown) for time, is_shown in zip(times, shown, strict=True)])
    kept = sorted(time for time, is_shown in zip(times, shown, strict=True) if is_shown)
    for entry, time, is_shown in zip(entries, times, shown, strict=True):
        position = sum(other < time for other in kept)
        assert (entry.rank, entry.position) == (position if is_shown else HIDDEN, position)


@given(decode_orders(), decode_orders())
def test_a_segment_comes_whole_before_the_next(one: list[int], two: list[int]) -> None:
    begun = [PacketFacts(time, starts_segment=number == 0) for number, time in enumerate(two)]
    entries = index([PacketFacts(time) for time in one] + begun)
    assert [entry.rank for entry in entries] == one + [len(one) + time for time in two]
    assert [entry.segment for entry in entries[len(one) :]] == [int(bool(one))] * len(two)


def test_entries_come_as_soon_as_they_are_final() -> None:
    indexer = PacketIndexer()
    given_out = [len(indexer.add(PacketFacts(time))) for time in range(40)]
    assert given_out == [0] * REORDER_LIMIT + [1] * (40 - REORDER_LIMIT)


def test_equal_times_keep_the_order_of_decoding() -> None:
    assert [entry.rank for entry in index([PacketFacts(5), PacketFacts(5), PacketFacts(3)])] == [1, 2, 0]


def test_alternate_references_wait_for_nobody() -> None:
    entries = index([PacketFacts(0), PacketFacts(None, shown=False), PacketFacts(1)])
    assert [entry.rank for entry in entries] == [0, HIDDEN, 1]


def test_a_frame_that_comes_too_late_is_refused_or_mended() -> None:
    packets = [PacketFacts(time) for time in [*range(40), 3, *range(40, 60)]]
    with pytest.raises(Disordered):
        index(packets)
    assert sorted(entry.rank for entry in index(packets, mend=True)) == list(range(61))


def test_a_frame_far_in_the_future_does_not_hold_up_the_rest() -> None:
    packets = [PacketFacts(time) for time in [0, 10**9, *range(1, 300)]]
    with pytest.raises(Disordered):
        index(packets)
    indexer = PacketIndexer(mend=True)
    before = [entry for facts in packets for entry in indexer.add(facts)]
    assert len(before) > 150
    assert sorted(entry.rank for entry in before + indexer.finish()) == list(range(301))


def test_a_clock_that_goes_back_begins_a_segment_at_a_seek_point_only() -> None:
    jumps = JumpDetector()
    assert not any(jumps.jumps(dts, seek=True) for dts in (0, 1, 1, None, 5, 900))
    assert jumps.jumps(4, seek=True)
    assert not jumps.jumps(5, seek=False)
    with pytest.raises(Disordered):
        jumps.jumps(2, seek=False)
    assert not JumpDetector(mend=True).jumps(2, seek=False)
