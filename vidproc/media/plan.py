"""Where a film is cut into chunks.

The plan must not depend on the cluster, nor on how the packets arrived: it decides the bytes of the result. So it is
an online function: a boundary is chosen as soon as the ranks up to a fixed distance behind it are known, from nothing
but the header's guesses and the packets so far.

Short chunks keep all cores busy to the end; long ones cost less, since each begins with a keyframe of its own. So with
a known duration chunks are long at first and shorter toward the end, and short films have short ones; without it they
grow. A boundary goes where the source has a seek point if one lies near: that is mostly a change of scene, where a
keyframe costs nothing, and the chunk has no lead-in. Elsewhere it falls inside a group of pictures.

Where a filter remembers, a chunk that does not begin where memory does is preceded by a warm-up: frames that are
decoded and filtered once more, but not encoded. So boundaries go to multiples of the filters' period. Only where chunks
are to be much shorter than that it is cut into halves, which makes a warm-up as long as its chunk.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from vidproc.media.index import Entry
from vidproc.media.records import HIDDEN
from vidproc.model import Chunk
from vidproc.reach import NO_REACH, Reach


@dataclass(frozen=True, slots=True)
class Tuning:
    """The numbers behind the plan. Lengths are seconds of film.

    longest, shortest: of a chunk. Films of `short_film` and less may have chunks down to `short_shortest`.
    share: a chunk takes this part of what is left of the film; `short_share` in short films.
    growth: without a duration in the header, a chunk's length grows by this much for each second before it.
    snap: how far from its place, as part of the chunk, a boundary may move to a seek point.
    runt: a rest smaller than this part of a chunk joins the chunk before it.
    warm_up: a seek point may make the warm-up longer by this part of the chunk.
    work: the most pixels in a chunk, which bounds its time: 8 s of 1080p30.
    """

    longest: float = 8.0
    shortest: float = 1.5
    short_film: float = 30.0
    short_shortest: float = 0.6
    share: float = 1 / 4
    short_share: float = 1 / 6
    growth: float = 0.5
    snap: float = 0.35
    runt: float = 0.33
    warm_up: float = 0.1
    work: int = 8 * 30 * 1920 * 1080


HANDED_ON = Tuning(work=96 * 1920 * 1080)
"""Where frames go from slot to slot: a chunk of them, which a slot holds as a whole, then has at most 150 MB or so, and
twice that where they have more than 8 bits."""


def tuning_for(hands_on_frames: bool) -> Tuning:
    """The plan's numbers, by whether frames go from slot to slot."""
    return HANDED_ON if hands_on_frames else Tuning()


@dataclass(frozen=True, slots=True)
class PlanHints:
    """What the header says, and what the job needs. `frames` is a guess of the film's length, 0 for none; `pixels` are
    those of a frame; `reach` says which frames the filters need."""

    frames: int = 0
    frame_rate: float = 25.0
    pixels: int = 0
    reach: Reach = NO_REACH


def chunk_length(start: int, hints: PlanHints, tuning: Tuning) -> int:
    """How many frames a chunk that begins at rank `start` should have, before boundaries are moved to seek points."""
    position, film = start / hints.frame_rate, hints.frames / hints.frame_rate
    if position < film:
        seconds = _toward_the_end(film - position, film, tuning)
    else:
        seconds = min(tuning.longest, 1 + tuning.growth * position)
    frames = max(1, round(seconds * hints.frame_rate))
    return min(frames, max(1, tuning.work // max(1, hints.pixels)))


def _toward_the_end(left: float, film: float, tuning: Tuning) -> float:
    if film > tuning.short_film:
        return min(tuning.longest, max(tuning.shortest, left * tuning.share))
    shortest = max(tuning.short_shortest, film * tuning.shortest / tuning.short_film)
    return min(tuning.longest, max(shortest, left * tuning.short_share))


def aligned(start: int, length: int, period: int, least: float = 0.0) -> int:
    """Where a chunk of about this length should stop, which begins at rank `start` and is longer than `least`: at the
    nearest multiple of the period, or of its half where chunks are to be a quarter of it or shorter."""
    parts = 2 if 4 * length <= period else 1
    number = max(math.floor((start + least) * parts / period) + 1, round((start + length) * parts / period))
    return -(-number * period // parts)


@dataclass(frozen=True, slots=True)
class _SeekPoint:
    """`before` is the highest rank among the packets before it in decode order, -1 for none."""

    position: int
    offset: int
    before: int

    def serves(self, rank: int) -> bool:
        """Whether decoding from here gives the frame `rank` and all after it."""
        return self.position <= rank and self.before < rank


class ChunkPlanner:
    """`add` the index's entries in decode order with where their records lie; take out chunks once final.

    A segment is known to have ended when the next one begins, or at `finish`.
    """

    def __init__(self, hints: PlanHints, tuning: Tuning | None = None) -> None:
        self._hints = hints
        self._tuning = tuning or Tuning()
        self._planned = 0
        self._start = 0
        self._segment = -1
        self._segment_start = 0
        self._first_offset = 0
        self._seek_points: list[_SeekPoint] = []
        self._highest = -1
        self._end = 0
        self._depth = 0
        self._ends = array("q")  # where the record of each shown packet ends, in decode order
        self._numbers: dict[int, int] = {}  # of ranks beyond the frontier: place in decode order
        self._highest_by = array("q")  # the highest rank among the shown packets so far, in decode order
        self._reach = array("q")  # for each rank, the last place in decode order of it and all ranks before it

    def add(self, entry: Entry, offset: int, end: int, reorder_depth: int = 0) -> list[Chunk]:
        """A packet whose record is the bytes [offset, end). `reorder_depth` is that of a segment which begins here."""
        chunks: list[Chunk] = []
        if entry.segment != self._segment:
            chunks = self._cut(ended=True)
            self._begin_segment(entry.segment, offset)
            self._depth = reorder_depth
        if entry.seek:
            self._seek_points.append(_SeekPoint(entry.position, offset, self._highest))
        self._end = end
        if entry.rank != HIDDEN:
            self._note(entry.rank, end)
        return chunks + self._cut(ended=False)

    def finish(self) -> list[Chunk]:
        """The chunks that are left, when no packet follows."""
        return self._cut(ended=True)

    @property
    def _frontier(self) -> int:
        """All ranks before this one are known."""
        return len(self._reach)

    def _begin_segment(self, segment: int, offset: int) -> None:
        self._segment, self._segment_start = segment, self._frontier
        self._first_offset, self._seek_points = offset, []

    def _note(self, rank: int, end: int) -> None:
        self._numbers[rank] = len(self._ends)
        self._ends.append(end)
        self._highest = max(self._highest, rank)
        self._highest_by.append(self._highest)
        while (number := self._numbers.pop(self._frontier, None)) is not None:
            self._reach.append(max(number, self._reach[-1] if self._reach else 0))

    def _cut(self, ended: bool) -> list[Chunk]:
        chunks = []
        while (stop := self._boundary(ended)) is not None:
            packets_stop = self._packets_stop(stop, ended)
            if packets_stop is None:
                break
            chunks.append(self._chunk(stop, packets_stop))
        return chunks

    def _boundary(self, ended: bool) -> int | None:
        """Where the next chunk stops, if that can be told yet."""
        target = self._target()
        length = target - self._start
        furthest = self._start + math.ceil(length * (1 + self._tuning.snap))
        rest = max(1, math.ceil(length * self._tuning.runt))
        if self._frontier > furthest + rest:
            return self._snapped(target)
        if not ended or self._frontier <= self._start:
            return None
        stop = self._snapped(target)
        return stop if self._frontier - stop >= rest else self._frontier

    def _target(self) -> int:
        """Where the next chunk should stop, but for seek points. A film shorter than the period may be halved too."""
        length, period = chunk_length(self._start, self._hints, self._tuning), self._hints.reach.period
        if self._start < self._hints.frames:
            period = min(period, self._hints.frames)
        return aligned(self._start, length, period, length * self._tuning.runt)

    def _snapped(self, target: int) -> int:
        length = target - self._start
        reach, longest = length * self._tuning.snap, self._warm_up(target) + length * self._tuning.warm_up
        places = (self._served_by(point.position) for point in self._seek_points)
        near = [place for place in places if abs(place - target) <= reach and self._warm_up(place) <= longest]
        return min(near, key=lambda place: (abs(place - target), place), default=target)

    def _served_by(self, position: int) -> int:
        """Where a chunk may begin whose filters see no further back than to this seek point: with one frame less, all
        of the group before it would be decoded for what they see of it."""
        return 2 * position - self._hints.reach.first(position) if self._hints.reach.period == 1 else position

    def _warm_up(self, start: int) -> int:
        """How many frames would be filtered before those of a chunk that begins there."""
        return start - max(self._segment_start, self._hints.reach.first(start))

    def _packets_stop(self, stop: int, ended: bool) -> int | None:
        """The end of the last record that the chunk needs, or none if that isn't known yet.

        The last packet needed may be decoded between others that are shown later. Those come out too, so that damage
        in what the chunk's frames refer to can be seen, and then as many more as push the last of them out.
        """
        needed = self._hints.reach.last(stop)
        if needed <= self._frontier:
            shown_after = self._highest_by[self._reach[needed - 1]]
            if shown_after < self._frontier:
                last = self._reach[shown_after] + self._depth + 1
                if last < len(self._ends):
                    return self._ends[last]
        return self._end if ended else None

    def _chunk(self, stop: int, packets_stop: int) -> Chunk:
        first = max(self._segment_start, self._hints.reach.first(self._start))
        while len(self._seek_points) > 1 and self._seek_points[1].serves(first):
            del self._seek_points[0]
        served = bool(self._seek_points) and self._seek_points[0].serves(first)
        chunk = Chunk(
            index=self._planned,
            start=self._start,
            stop=stop,
            first=first,
            last=min(self._hints.reach.last(stop), self._frontier),
            segment=self._segment,
            packets_start=self._seek_points[0].offset if served else self._first_offset,
            packets_stop=packets_stop,
        )
        self._planned, self._start = self._planned + 1, stop
        return chunk
