"""One pass over a source: its packets into records, its frames into ranks, its ranks into chunks.

The parts are lined up so that each packet costs little and each decision is made once: the demuxer's packets
(`arrivals`) are placed in order (`ordering`), ranked (`index`), written as records, and planned (`plan`). Chunks are
handed on as soon as they are final, so slots start while the rest is still being read.

Where a stream turns out, on the way, to be one whose packets and times don't tell its frames, everything starts again
and counts frames by decoding them. What was handed on by then must come out the same again, and it does but for films
that are damaged before that place too. Those are read a third time, by their times such as they are.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer

from vidproc.errors import MediaError
from vidproc.media.arrivals import Arrival, ArrivingPackets, Unskippable
from vidproc.media.completeness import missing_bytes
from vidproc.media.container import open_lightly, whole_file
from vidproc.media.film_window import FilmWindow
from vidproc.media.growing import GrowingFile
from vidproc.media.index import Disordered, Entry, PacketIndexer
from vidproc.media.ordering import CountedOrder, Placed, TimedOrder, Untrusted
from vidproc.media.plan import ChunkPlanner, PlanHints, Tuning
from vidproc.media.probe import SourceInfo, describe, main_video
from vidproc.media.records import HIDDEN, pieces
from vidproc.media.source_limits import NO_LIMITS, SourceLimits
from vidproc.media.timeline import Timeline
from vidproc.model import Chunk, StreamFormat
from vidproc.quantities import counted, size_in_words
from vidproc.reach import NO_REACH, Reach

_FASTEST, _SLOWEST = 240.0, 1.0
"""Frame rates beyond these are a header's fancy; the plan counts with the nearest."""

_BUFFER = 2**20
"""Bytes of packets that are written at a time: a call for each of them costs as much as its bytes."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the film with one continuous clock and one format: the ranks [start, stop)."""

    index: int
    start: int
    stop: int
    stream: StreamFormat


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of the source. `start` and `duration` are seconds of the film; `reach` says which frames those
    of the result depend on, `limits` what is refused."""

    start: float | None = None
    duration: float | None = None
    reach: Reach = NO_REACH
    tuning: Tuning = field(default_factory=Tuning)
    limits: SourceLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears of a source while it is read.

    opened: once the first frame was decoded. segment: (index, format) of a continuity segment, before its chunks.
    chunks: more chunks, in order; the records they name are in the packet file. alive: with each packet.
    """

    opened: Callable[[SourceInfo], None] = lambda info: None
    segment: Callable[[int, StreamFormat], None] = lambda index, stream: None
    chunks: Callable[[tuple[Chunk, ...]], None] = lambda chunks: None
    alive: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Ingested:
    """A source that was read to its end.

    times, durations: of each rank, int64 in ticks of `info.time_base`, as FFmpeg shows them. Joined films repeat
        times; within a segment they increase. kept: the window [start, stop) in seconds of the source's own clock, if
        one was asked for. losses: sentences. counted: why frames had to be counted by decoding, empty if not.
        packets: how many of its packets were read.
    """

    info: SourceInfo
    times: array[int]
    durations: array[int]
    segments: tuple[Segment, ...]
    losses: tuple[str, ...]
    kept: tuple[Fraction, Fraction] | None = None
    counted: str = ""
    packets: int = 0

    @property
    def frames(self) -> int:
        return len(self.times)


def ingest(
    source: str | os.PathLike[str] | GrowingFile,
    packets_path: str | os.PathLike[str],
    request: Request | None = None,
    listener: Listener | None = None,
) -> Ingested:
    """Read a source into a file of packet records, and plan its chunks. One that still grows is read as it does.

    Raises `MediaError` where it is no video, has no frame that decodes, or none in the window asked for, or is beyond
    the limits.
    """
    heard, request = _Heard(listener or Listener()), request or Request()
    Path(packets_path).write_bytes(b"")
    if isinstance(source, GrowingFile):
        return _ingest(source, Path(packets_path), request, heard)
    with whole_file(source) as file:
        return _ingest(file, Path(packets_path), request, heard)


def _ingest(file: GrowingFile, packets_path: Path, request: Request, heard: _Heard) -> Ingested:
    def attempt(way: _Way) -> Ingested:
        heard.start_over()
        with closing(open_lightly(file)) as source, packets_path.open("r+b", buffering=_BUFFER) as packets:
            return _Reading(file, source, packets, request, heard, way).read()

    way = _Way(skips=True)
    try:
        try:
            return attempt(way)
        except Unskippable:
            way = _Way()
            return attempt(way)
    except (Untrusted, Disordered) as error:
        reason = str(error) or "its times are out of order"
    try:
        return attempt(_Way(reason=reason))
    except (_Contradiction, Disordered):
        return attempt(replace(way, mends=True))


@dataclass(frozen=True, slots=True)
class _Way:
    """How frames are told: by times; by decoding everything, for some reason; or by times that are made to fit.
    `skips`: what lies before the window is not read where the container leads there."""

    reason: str = ""
    mends: bool = False
    skips: bool = False


class _Contradiction(Exception):
    """Not what was handed on before."""


class _Heard:
    """Passes news on, and when everything starts again, holds on to what was said.

    Slots may be reading the packet file meanwhile. So it is written over in place, and all that was written when
    chunks were last handed on must be written again, byte for byte: the ranks are what could differ.
    """

    def __init__(self, listener: Listener) -> None:
        self.alive = listener.alive
        self._listener = listener
        self._opened = False
        self._segments = self._chunks = 0
        self._ranks, self._settled = array("q"), 0
        self._written = self._chunks_again = 0

    def start_over(self) -> None:
        del self._ranks[self._settled :]
        self._written = self._chunks_again = 0

    def open(self, info: SourceInfo) -> None:
        if not self._opened:
            self._opened = True
            self._listener.opened(info)

    def segment(self, index: int, stream: StreamFormat) -> None:
        if index >= self._segments:
            self._segments = index + 1
            self._listener.segment(index, stream)

    def rank(self, rank: int) -> None:
        """The next record's rank. Raises `_Contradiction`."""
        if self._written >= len(self._ranks):
            self._ranks.append(rank)
        elif self._ranks[self._written] != rank:
            raise _Contradiction
        self._written += 1

    def chunks(self, chunks: list[Chunk]) -> None:
        again = min(len(chunks), self._chunks - self._chunks_again)
        self._chunks_again += again
        if new := tuple(chunks[again:]):
            self._chunks += len(new)
            self._chunks_again += len(new)
            self._settled = len(self._ranks)
            self._listener.chunks(new)


class _Reading:
    """One attempt at a source."""

    def __init__(
        self,
        growing: GrowingFile,
        source: InputContainer,
        file: BinaryIO,
        request: Request,
        heard: _Heard,
        way: _Way,
    ) -> None:
        video = main_video(source)
        self._way = way
        self._growing, self._source, self._file, self._request, self._heard = growing, source, file, request, heard
        self._info = describe(source, None)
        request.limits.check_streams(len(self._info.streams))
        self._packets = ArrivingPackets(source, video, self._info.stream)
        self._counted = way.reason or self._packets.distrust
        self._order: TimedOrder | CountedOrder
        if self._counted and not way.mends:
            self._order = CountedOrder(self._info.stream, video.codec_context)
        else:
            self._order = TimedOrder(self._info.stream, video.codec_context, mend=way.mends)
        self._window = FilmWindow(self._info, request.start, request.duration)
        self._indexer = PacketIndexer(mend=way.mends)
        self._planner = ChunkPlanner(PlanHints())
        self._unranked: deque[Placed] = deque()
        self._segments: list[Segment] = []
        self._timeline = Timeline()
        self._offset = self._lost = 0

    def read(self) -> Ingested:
        for placed in self._order.place(self._arriving()):
            if self._window.is_past(placed):
                break
            if placed.stream is not None and not self._segments:
                self._begin()
            self._lost += placed.lost and self._window.holds(placed)
            self._unranked.append(placed)
            self._write(self._indexer.add(self._window.clipped(placed)))
        self._write(self._indexer.finish())
        if not self._timeline:
            raise MediaError("there is no frame in the part of the video that was asked for")
        self._hand_on(self._planner.finish())
        self._end_segment()
        self._file.truncate(self._offset)
        self._timeline.complete(1 / self._info.stream.frame_rate / self._info.time_base)
        self._request.limits.check_seconds(self._ticks() * self._info.time_base)
        return self._result()

    def _ticks(self) -> int:
        """How long the segments are, one after the other."""
        times = self._timeline.times
        return sum(times[segment.stop - 1] - times[segment.start] for segment in self._segments)

    def _arriving(self) -> Iterator[Arrival]:
        alive = self._heard.alive
        for arrival in self._packets:
            alive()
            self._request.limits.check_packet(len(arrival.data))
            yield arrival

    def _begin(self) -> None:
        """The first frame was decoded: now the source can be described and a plan be made."""
        self._info = describe(self._source, self._order.frame)
        self._request.limits.check_seconds(self._window.seconds_of(self._info.duration_from_header))
        self._planner = ChunkPlanner(self._hints(), self._request.tuning)
        self._heard.open(self._info)
        if self._way.skips and self._window.begin is not None and isinstance(self._order, TimedOrder):
            self._packets.skip_to(self._window.begin)

    def _hints(self) -> PlanHints:
        info = self._info
        rate = min(_FASTEST, max(_SLOWEST, float(info.stream.frame_rate)))
        whole = info.frames_from_header or info.duration_from_header * rate
        return PlanHints(
            frames=round(self._window.seconds_of(whole / rate) * rate),
            frame_rate=rate,
            pixels=info.stream.width * info.stream.height,
            reach=self._request.reach,
        )

    def _write(self, entries: Iterable[Entry]) -> None:
        """Ranked packets, in decode order: to the file, and to the plan."""
        chunks: list[Chunk] = []
        for entry in entries:
            placed, start = self._unranked.popleft(), self._offset
            if placed.stream is not None:
                self._begin_segment(placed.stream)
            self._heard.rank(entry.rank)
            for piece in pieces(placed.arrival.record(entry.rank)):
                self._offset += self._file.write(piece)
            if entry.rank != HIDDEN:
                self._timeline.note(entry.rank, placed.time, placed.arrival)
            chunks += self._planner.add(entry, start, self._offset, self._segments[-1].stream.reorder_depth)
        if chunks:
            self._hand_on(chunks)

    def _begin_segment(self, stream: StreamFormat) -> None:
        # All packets of the segment before have been ranked: a segment's frames are never shown among another's.
        self._end_segment()
        index, start = len(self._segments), len(self._timeline)
        self._segments.append(Segment(index, start, start, stream))
        self._heard.segment(index, stream)

    def _end_segment(self) -> None:
        if self._segments:
            self._segments[-1] = replace(self._segments[-1], stop=len(self._timeline))

    def _hand_on(self, chunks: list[Chunk]) -> None:
        self._file.flush()
        self._heard.chunks(chunks)

    def _result(self) -> Ingested:
        return Ingested(
            info=self._info,
            times=self._timeline.times,
            durations=self._timeline.durations,
            segments=tuple(self._segments),
            losses=tuple(self._losses()),
            kept=self._window.kept,
            counted=self._counted,
            packets=self._packets.count,
        )

    def _losses(self) -> Iterator[str]:
        frames = counted(len(self._timeline), "frame")
        if self._packets.error:
            yield f"the film is cut short after {frames} ({self._packets.error})"
        elif missing := missing_bytes(self._growing):
            yield f"the film is cut short after {frames}: {size_in_words(missing)} of the file are missing"
        if self._info.captions:
            yield "closed captions inside the picture are not kept"
        if self._packets.corrupt:
            yield f"damaged packets in the video: {self._packets.corrupt}"
        if self._lost:
            yield f"frames that can't be decoded without what was cut away before them: {self._lost}"
