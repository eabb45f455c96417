"""The floor: the least that the work can cost, so that all else is overhead.

One process with one thread decodes, filters the planes and encodes, one frame after the other, and each part is timed
apart. Nothing is indexed, cut, sent, supervised or muxed, and no frame is decoded twice. The three added up and divided
by the number of cores is the time that nothing can beat which does the same work with the same libraries. The filter is
plain OpenCV from `benchmarks.tasks`; the encoder's settings are vidproc's own, since the work must be the same.

    python -m benchmarks.floor CLIP --filter edges --crf 23
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
from av.codec.context import ThreadType
from av.video.stream import VideoStream

from benchmarks.tasks import TASKS
from benchmarks.work import Work
from vidproc.media import ffmpeg
from vidproc.media.encode import configure, open_encoder, plane_views
from vidproc.media.output_codecs import codec
from vidproc.media.output_format import encoder_spec
from vidproc.media.probe import main_video, probe
from vidproc.model import EncoderSpec, JobSpec

if TYPE_CHECKING:
    Packet = av.Packet[VideoStream]

_FULL_RANGE = 2


@dataclass(slots=True)
class Floor:
    """Seconds on one core by part, and what they were spent on. `bytes_out` is the video alone."""

    frames: int = 0
    decode: float = 0.0
    filter: float = 0.0
    encode: float = 0.0
    bytes_out: int = 0

    @property
    def seconds(self) -> float:
        return self.decode + self.filter + self.encode


@dataclass(slots=True)
class _Film:
    """What the encoder gives, kept in memory: writing it is no part of the floor."""

    spec: EncoderSpec
    packets: list[Packet] = field(default_factory=list)

    def write(self, out: Path) -> None:
        with av.open(str(out), "w") as film:
            stream = film.add_stream(codec(self.spec.codec).encoder)
            assert isinstance(stream, VideoStream)
            configure(stream.codec_context, self.spec)
            film.start_encoding()
            for packet in self.packets:
                packet.stream = stream
                film.mux_one(packet)


def measure(clip: Path, work: Work, crf: int, out: Path | None = None) -> Floor:
    """Decode, filter and encode the whole clip in this process, and write it to `out` when all has been timed.

    Raises `ValueError` unless it is 8-bit planar 4:2:0.
    """
    spec, full = _specified(clip, work, crf)
    apply, encoder = work.task.planes(full), open_encoder(spec)
    target = av.VideoFrame(encoder.width, encoder.height, spec.pix_fmt)
    room, floor, film = plane_views(target, spec.width, spec.height), Floor(), _Film(spec)
    for frame in _decoded(clip, floor):
        began = time.perf_counter()
        apply(plane_views(frame, spec.width, spec.height), room)
        filtered = time.perf_counter()
        target.pts, target.time_base = floor.frames, encoder.time_base
        film.packets += encoder.encode(target)
        floor.filter += filtered - began
        floor.encode += time.perf_counter() - filtered
        floor.frames += 1
    began = time.perf_counter()
    film.packets += encoder.encode(None)
    floor.encode += time.perf_counter() - began
    floor.bytes_out = sum(packet.size for packet in film.packets)
    if out is not None:
        film.write(out)
    return floor


def _specified(clip: Path, work: Work, crf: int) -> tuple[EncoderSpec, bool]:
    """How vidproc would encode the result, and whether the clip's codes are of the full range."""
    stream = probe(clip).stream
    if stream.pix_fmt not in ("yuv420p", "yuvj420p"):
        raise ValueError(f"{clip.name} is {stream.pix_fmt}; the floor needs no conversion only from yuv420p")
    spec, _ = encoder_spec(stream, JobSpec((), crf=float(crf), encoder_preset=work.preset))
    return spec, stream.colour.range == _FULL_RANGE or stream.pix_fmt == "yuvj420p"


def _decoded(clip: Path, floor: Floor) -> Iterator[av.VideoFrame]:
    """The clip's frames; what decoding takes is added to `floor.decode`, without reading the file."""
    with av.open(str(clip)) as source:
        video = main_video(source)
        video.codec_context.thread_count, video.codec_context.thread_type = 1, ThreadType.NONE
        for packet in source.demux(video):
            began = time.perf_counter()
            frames = video.codec_context.decode(packet)
            floor.decode += time.perf_counter() - began
            yield from frames


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="The least that the work can cost.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--filter", choices=TASKS, default="blur")
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--out", type=Path, help="write the film there, after the measurement")
    given = parser.parse_args(argv)
    cv2.setNumThreads(1)
    ffmpeg.silence()
    found = measure(given.clip, Work(given.filter, given.preset), given.crf, given.out)
    said: dict[str, Any] = asdict(found)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
