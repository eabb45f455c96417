"""The plan on made-up packets: it covers the film, is final at once, and its chunks have all the packets they need."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.media.index import Entry
from vidproc.media.plan import ChunkPlanner, PlanHints, Tuning, aligned, chunk_length
from vidproc.media.records import HIDDEN
from vidproc.model import Chunk
from vidproc.reach import Reach, ReachStep

pytestmark = pytest.mark.unit

_SIZE = 100


@dataclass(frozen=True)
class Packet:
    entry: Entry
    offset: int

    @property
    def end(self) -> int:
        return self.offset + _SIZE


def film(ranks: list[int], seeks: set[int], segments: dict[int, int] | None = None) -> list[Packet]:
    """Packets in decode order; `seeks` and the keys of `segments` are places in it. Hidden packets take the position
    of the next rank that follows."""
    packets, segment, shown = [], 0, 0
    for place, rank in enumerate(ranks):
        segment = (segments or {}).get(place, segment)
        position = rank if rank != HIDDEN else shown
        packets.append(Packet(Entry(rank, position, segment, place in seeks), place * _SIZE))
        shown += rank != HIDDEN
    return packets


def plan(packets: list[Packet], hints: PlanHints, tuning: Tuning | None = None, depth: int = 0) -> list[Chunk]:
    planner = ChunkPlanner(hints, tuning)
    chunks = [chunk for packet in packets for chunk in planner.add(packet.entry, packet.offset, packet.end, depth)]
    return chunks + planner.finish()


def period(every: int) -> Reach:
    return Reach((ReachStep(every=every),))


def straight(frames: int, distance: int) -> list[Packet]:
    """No reordering, a seek point every so many frames."""
    return film(list(range(frames)), set(range(0, frames, distance)))


@st.composite
def films(draw: st.DrawFn) -> list[Packet]:
    """Segments of groups of pictures, closed or open, with mini-groups of B-frames and hidden packets."""
    ranks: list[int] = []
    seeks: set[int] = set()
    segments: dict[int, int] = {}
    shown = 0
    for number in range(draw(st.integers(1, 3))):
        segments[len(ranks)] = number
        for group in range(draw(st.integers(1, 6))):
            leading = draw(st.integers(0, 3)) if group else 0
            seeks.add(len(ranks))
            ranks += [shown + leading, *range(shown, shown + leading)]
            shown += leading + 1
            for size in draw(st.lists(st.integers(1, 8), max_size=12)):
                ranks += [shown + size - 1, *range(shown, shown + size - 1)]
                shown += size
                if draw(st.booleans()):
                    ranks.append(HIDDEN)
    return film(ranks, seeks, segments)


STEPS = st.builds(ReachStep, st.integers(-3, 0), st.integers(0, 3), st.sampled_from([1, 1, 1, 4, 10, 25, 60]))

hints = st.builds(
    PlanHints,
    frames=st.integers(0, 400),
    frame_rate=st.sampled_from([1.0, 10.0, 25.0]),
    pixels=st.sampled_from([0, 1920 * 1080, 8192 * 4320]),
    reach=st.builds(lambda steps: Reach(tuple(steps)), st.lists(STEPS, max_size=3)),
)


@given(films(), hints)
def test_chunks_cover_the_film_and_stay_within_segments(packets: list[Packet], hints: PlanHints) -> None:
    chunks = plan(packets, hints)
    segments = {packet.entry.rank: packet.entry.segment for packet in packets if packet.entry.rank != HIDDEN}
    at = 0
    for number, chunk in enumerate(chunks):
        assert (chunk.index, chunk.start) == (number, at)
        assert {segments[rank] for rank in range(chunk.first, chunk.last)} == {chunk.segment}
        assert chunk.first <= chunk.start < chunk.stop <= chunk.last
        at = chunk.stop
    assert at == len(segments)


@given(films(), hints)
def test_a_chunk_has_the_frames_that_its_filters_reach(packets: list[Packet], hints: PlanHints) -> None:
    ranks: dict[int, list[int]] = {}
    for packet in packets:
        if packet.entry.rank != HIDDEN:
            ranks.setdefault(packet.entry.segment, []).append(packet.entry.rank)
    for chunk in plan(packets, hints):
        inside = ranks[chunk.segment]
        assert chunk.first == max(min(inside), hints.reach.first(chunk.start))
        assert chunk.last == min(max(inside) + 1, hints.reach.last(chunk.stop))


@given(films(), hints)
def test_a_chunk_has_all_its_packets_from_a_seek_point_on(packets: list[Packet], hints: PlanHints) -> None:
    by_offset = {packet.offset: packet for packet in packets}
    for chunk in plan(packets, hints):
        inside = range(chunk.packets_start, chunk.packets_stop, _SIZE)
        found = [by_offset[offset].entry for offset in inside]
        assert set(range(chunk.first, chunk.last)) <= {entry.rank for entry in found}
        assert {entry.segment for entry in found} == {chunk.segment}
        head = found[0]
        before = [p.entry.rank for p in packets if p.offset < chunk.packets_start]
        assert head.seek
        assert head.position <= chunk.first
        assert max(before, default=-1) < chunk.first


@given(films(), hints, st.integers(0, 4))
def test_enough_packets_follow_to_push_the_last_frame_out(packets: list[Packet], hints: PlanHints, depth: int) -> None:
    for chunk in plan(packets, hints, depth=depth):
        beyond = [
            p.entry for p in packets
            if p.offset >= chunk.packets_stop and p.entry.segment == chunk.segment and p.entry.rank != HIDDEN
        ]
        inside = [p.entry.rank for p in packets if chunk.packets_start <= p.offset < chunk.packets_stop]
        last = max(place for place, rank in enumerate(inside) if HIDDEN != rank < chunk.last)
        following = [rank for rank in inside[last + 1 :] if rank != HIDDEN]
        assert not beyond or len(following) > depth


@given(films(), hints, st.data())
def test_a_chunk_is_final_whatever_follows(packets: list[Packet], hints: PlanHints, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(packets)))
    planner = ChunkPlanner(hints)
    early = [chunk for p in packets[:cut] for chunk in planner.add(p.entry, p.offset, p.end)]
    assert early == plan(packets, hints)[: len(early)]
    assert early == plan(packets[:cut], hints)[: len(early)]


@given(films(), hints)
def test_chunks_of_a_seek_point_go_on_from_each_other(packets: list[Packet], hints: PlanHints) -> None:
    chunks = plan(packets, hints)
    for before, after in pairwise(chunks):
        assert before.packets_start <= after.packets_start
        assert before.packets_stop <= after.packets_stop or before.segment != after.segment


@pytest.mark.parametrize("distance", [1, 12, 25, 48, 250, 10_000])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("seconds", [31, 45, 60, 139, 600])
def test_longer_films_have_chunks_of_three_seconds_and_more(seconds: int, known: bool, distance: int) -> None:
    frames = seconds * 25
    chunks = plan(straight(frames, distance), PlanHints(frames=frames if known else 0))
    assert seconds / len(chunks) >= (4 if seconds > 60 else 3)
    assert max(chunk.frames for chunk in chunks) <= 8 * 25 * (1.35 + 0.33) + 1


def test_short_films_keep_several_cores_busy() -> None:
    chunks = plan(straight(132, 10_000), PlanHints(frames=132))
    assert 7 <= len(chunks) <= 10
    assert min(chunk.frames for chunk in chunks) >= 10


def test_chunks_shrink_toward_the_end_of_a_film_of_known_length() -> None:
    chunks = plan(straight(1500, 10_000), PlanHints(frames=1500))
    assert [chunk.frames for chunk in chunks[:2]] == [200, 200]
    assert all(after.frames <= before.frames for before, after in pairwise(chunks[:-1]))
    assert chunks[-2].frames <= 100


def test_chunks_grow_where_the_length_is_not_known() -> None:
    chunks = plan(straight(3000, 10_000), PlanHints(frames=0))
    assert chunks[0].frames == 25
    assert all(after.frames >= before.frames for before, after in pairwise(chunks[:-1]))
    assert chunks[-2].frames == 200


def test_boundaries_go_to_seek_points_nearby() -> None:
    packets = film(list(range(1000)), {0, 180, 430, 700})
    stops = [chunk.stop for chunk in plan(packets, PlanHints(frames=100_000))]
    assert stops == [180, 430, 700, 900, 1000]


def test_what_filters_see_before_a_chunk_is_of_its_own_group_of_pictures() -> None:
    packets = film(list(range(1000)), {0, 180, 430, 700})
    chunks = plan(packets, PlanHints(frames=100_000, reach=Reach((ReachStep(-1), ReachStep(-2, 1)))))
    assert [(chunk.first, chunk.start) for chunk in chunks] == [(0, 0), (180, 183), (430, 433), (700, 703), (900, 903)]


def test_boundaries_go_to_multiples_of_the_filters_period() -> None:
    packets = straight(2000, 10_000)
    stops = [chunk.stop for chunk in plan(packets, PlanHints(frames=100_000, reach=period(250)))]
    assert stops == list(range(250, 2001, 250))
    stops = [chunk.stop for chunk in plan(packets, PlanHints(frames=100_000, reach=period(60)))]
    assert stops[:3] == [180, 360, 540]


def test_boundaries_go_to_halves_of_the_period_where_chunks_are_to_be_much_shorter() -> None:
    chunks = plan(straight(300, 10_000), PlanHints(frames=300, reach=period(250)))
    assert [(chunk.first, chunk.start, chunk.stop) for chunk in chunks] == [(0, 0, 125), (0, 125, 250), (250, 250, 300)]
    lengths = [chunk.frames for chunk in plan(straight(750, 10_000), PlanHints(frames=750, reach=period(250)))]
    assert lengths == [250, 250, 125, 125]
    lengths = [chunk.frames for chunk in plan(straight(120, 10_000), PlanHints(frames=120, reach=period(250)))]
    assert lengths == [60, 60]
    lengths = [chunk.frames for chunk in plan(straight(600, 10_000), PlanHints(frames=120, reach=period(250)))]
    assert lengths == [60, 60, 130, 250, 100]


@given(st.integers(0, 3000), st.integers(1, 400), st.integers(1, 600))
def test_a_warm_up_is_no_longer_than_its_chunk(start: int, length: int, period: int) -> None:
    begun = aligned(start, length, period)
    stop = aligned(begun, length, period)
    assert start < begun < stop
    assert begun % period <= stop - begun + 1
    assert stop - begun <= max(period, length + period // 2 + 1)


def test_a_seek_point_is_preferred_where_it_makes_no_long_warm_up() -> None:
    packets = film(list(range(1000)), {0, 180, 260, 490})
    chunks = plan(packets, PlanHints(frames=100_000, reach=period(250)))
    assert [(chunk.first, chunk.start) for chunk in chunks] == [(0, 0), (250, 260), (500, 500), (750, 750)]


def test_the_period_counts_from_the_films_beginning_in_each_segment() -> None:
    packets = film(list(range(1000)), {0, 400}, {400: 1})
    chunks = plan(packets, PlanHints(frames=100_000, reach=period(250)))
    assert [(chunk.first, chunk.start) for chunk in chunks] == [(0, 0), (250, 250), (400, 400), (500, 500), (750, 750)]


def test_a_small_rest_joins_the_last_chunk() -> None:
    chunks = plan(straight(420, 10_000), PlanHints(frames=100_000))
    assert [chunk.frames for chunk in chunks] == [200, 220]


def test_large_pictures_make_short_chunks() -> None:
    assert chunk_length(0, PlanHints(100_000, 30, 3840 * 2160), Tuning()) == 60
    assert chunk_length(0, PlanHints(100_000, 30, 1920 * 1080), Tuning()) == 240


def test_a_seek_point_that_others_overtake_serves_only_what_follows_them() -> None:
    """The keyframe of rank 4 is decoded after rank 5: decoding from it would lack that one."""
    packets = film([0, 1, 2, 3, 5, 4, 6, 7, 8, 9], {0, 5})
    tuning = Tuning(longest=3.0, shortest=3.0, short_film=0.0)
    chunks = plan(packets, PlanHints(frames=10, frame_rate=1.0), tuning)
    assert [(chunk.start, chunk.packets_start) for chunk in chunks] == [(0, 0), (4, 0), (7, 5 * _SIZE)]
