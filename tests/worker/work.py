"""A film's chunks as a coordinator would lease them, and filters that come to grief at a given frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
from msgspec import structs

from tests.media.reading import Read, read
from vidproc.media.ingest import Request, Segment
from vidproc.media.output_codecs import CODECS
from vidproc.media.output_format import encoder_spec, shape_of
from vidproc.media.plan import Tuning
from vidproc.media.records import PacketRecord, unpack
from vidproc.model import ChunkReport, ChunkTask, EncoderSpec, FilterSpec, JobSpec
from vidproc.pipelines.plan import check, shapes
from vidproc.processes.gauge import Gauge
from vidproc.scheduling import lifecycle
from vidproc.worker.chunk import ChunkRunner

HALF_A_SECOND = Tuning(longest=0.5, shortest=0.5, short_shortest=0.5, snap=0.0)
BLUR = FilterSpec("blur", {"ksize": 5})
MOTION = FilterSpec("motion")

_AT_FRAME = """\
import ctypes
import os
import signal
import time

number = {start} - 1


def numbered(frame):
    global number
    number += 1
    if number == {frame}:
        {deed}
    return frame
"""
LINE_OF_THE_DEED = 1 + [line.strip() for line in _AT_FRAME.splitlines()].index("{deed}")

FOR_EVER = "while True: pass"


def at_frame(frame: int, deed: str, start: int = 0) -> FilterSpec:
    """A custom filter that does this at that frame, in a chunk that begins at `start`, and else nothing."""
    return FilterSpec("custom", code=_AT_FRAME.format(start=start, frame=frame, deed=deed))


def until_there(path: Path) -> str:
    """The deed of waiting for a file."""
    return f"while not os.path.exists({str(path)!r}): time.sleep(0.005)"


@dataclass(frozen=True)
class Work:
    """One job on one film, cut into chunks."""

    film: Read
    encoder: EncoderSpec
    filters: tuple[FilterSpec, ...]
    files: tuple[bytes, ...] = ()

    def through(self, *filters: FilterSpec) -> Work:
        """The same with other filters, which must not look at neighbours."""
        return replace(self, filters=filters)

    def under(self, *pictures: bytes) -> Work:
        """The same, with pictures over it."""
        overlays = (FilterSpec("overlay", {"file": sha256, "scale": 0.4}) for sha256 in map(_sha256, pictures))
        return replace(self, filters=tuple(overlays), files=pictures)

    @property
    def chunks(self) -> range:
        return range(len(self.film.chunks))

    def task(self, index: int, continues: bool = False) -> ChunkTask:
        chunk, first = self.film.chunks[index], self.film.result.info.stream
        return ChunkTask(
            "job", index, chunk.start, chunk.stop, chunk.first, chunk.last,
            self.film.stream(chunk), self.filters, self.encoder, first.width, first.height, continues=continues,
            files={_sha256(data): len(data) for data in self.files},
        )  # fmt: skip

    def packets(self, index: int, continues: bool = False) -> bytes:
        chunk = self.film.chunks[index]
        start = self.film.chunks[index - 1].packets_stop if continues else chunk.packets_start
        return self.film.packets[start : chunk.packets_stop]

    @property
    def by_hash(self) -> dict[str, bytes]:
        """Its files, as a slot gets them."""
        return {_sha256(data): data for data in self.files}

    def expected(self, index: int) -> bytes:
        """The chunk's records, made in this process by a runner of its own."""
        gauge = Gauge()
        try:
            runner = ChunkRunner(gauge)
            for data in self.files:
                runner.files.add(_sha256(data), data)
            return runner.run(self.task(index), self.packets(index))[1]
        finally:
            gauge.close()

    def follows(self, index: int) -> bool:
        """Whether a slot that did the chunk before may go on with this one."""
        return index > 0 and lifecycle.follows(*self.film.chunks[index - 1 : index + 1])

    def whole(self, segment: int = 0) -> tuple[ChunkTask, bytes]:
        """A continuity segment as one chunk."""
        inside = [chunk for chunk in self.film.chunks if chunk.segment == segment]
        task, stop = self.task(inside[0].index), inside[-1].stop
        packets = self.film.packets[inside[0].packets_start : inside[-1].packets_stop]
        return structs.replace(task, stop=stop, last=stop), packets

    def cut(self, segment: Segment, start: int, stop: int) -> tuple[ChunkTask, bytes]:
        """The frames [start, stop) of a segment, as a chunk that begins at the segment's seek point."""
        task, packets = self.whole(segment.index)
        reach = check(self.filters)
        first, last = max(segment.start, reach.first(start)), min(segment.stop, reach.last(stop))
        return structs.replace(task, start=start, stop=stop, first=first, last=last), packets


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def work_on(
    path: Path, folder: Path, filters: tuple[FilterSpec, ...] = (BLUR,), crf: float | None = None, codec: str = "h264"
) -> Work:
    film = read(path, folder, Request(reach=check(filters), tuning=HALF_A_SECOND))
    speed = "ultrafast" if CODECS[codec].presets else ""
    job = JobSpec(filters, "mkv", codec, crf, speed)
    stream = film.result.info.stream
    return Work(film, encoder_spec(stream, job, shapes(filters, shape_of(stream))[-1])[0], filters)


def pixels(report: ChunkReport, records: bytes) -> dict[int, bytes]:
    """The frames that were encoded, by rank."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.extradata, decoder.thread_count = report.extradata, 1
    found: dict[int, bytes] = {}
    for packet in [*map(_packet, unpack(records)), None]:
        for frame in decoder.decode(packet):
            found[frame.pts or 0] = frame.to_ndarray().tobytes()
    return found


def _packet(record: PacketRecord) -> Any:
    packet: Any = av.Packet(bytes(record.data))
    packet.pts, packet.dts = record.rank, record.dts
    return packet
