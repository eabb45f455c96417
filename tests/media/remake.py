"""A source through encoder and muxer without any filter, and how the two films look to a player."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.stream import Stream

from vidproc.media.container import open_source
from vidproc.media.encode import ChunkEncoder, EncodedChunk, plane_views
from vidproc.media.film_clock import FrameTimes, Window
from vidproc.media.mux import Film, Muxer
from vidproc.media.output_format import encoder_spec
from vidproc.media.probe import main_video, probe
from vidproc.model import ChunkReport, EncoderSpec, JobSpec


@dataclass(frozen=True)
class Frame:
    """A decoded frame and its time, in seconds; `ticks` of the source."""

    picture: av.VideoFrame
    time: Fraction
    ticks: int
    duration: int


def frames(path: Path) -> list[Frame]:
    """Every frame of the main video, as a player gets them."""
    with open_source(path) as source:
        video = main_video(source)
        video.codec_context.thread_count = 1
        return [
            Frame(f, Fraction((f.pts or 0) * (f.time_base or 0)), f.pts or 0, f.duration) for f in source.decode(video)
        ]


def report(chunk: EncodedChunk) -> ChunkReport:
    return ChunkReport(frames=chunk.frames, extradata=chunk.extradata, delay=chunk.delay, seconds={}, latency={})


def chunks(spec: EncoderSpec, decoded: list[Frame], first: int, seed: int) -> Iterator[EncodedChunk]:
    """The frames encoded in chunks of random lengths."""
    chance, at = random.Random(seed), 0
    while at < len(decoded):
        encoder, stop = ChunkEncoder(spec), min(len(decoded), at + chance.randint(1, 20))
        for number in range(at, stop):
            encoder.encode(first + number, decoded[number].picture.reformat(format=spec.pix_fmt))
        yield encoder.finish()
        at = stop


def film(
    path: Path, container: str, decoded: list[Frame], codec: str = "h264", **settings: object
) -> tuple[Film, tuple[str, ...]]:
    """The film that a source becomes, and what its picture loses."""
    info = probe(path)
    job = JobSpec(filters=(), container=container, codec=codec)
    spec, losses = encoder_spec(info.stream, job)
    times = FrameTimes([f.ticks for f in decoded], [f.duration for f in decoded], info.time_base)
    made = Film(path, container, spec, times, info.video, info.display_matrix, **settings)  # type: ignore[arg-type]
    return made, losses


def remake(
    source: Path, out: Path, seed: int = 1, audio: str = "copy", window: Window | None = None, codec: str = "h264"
) -> list[str]:
    """Decode, encode and mux; the losses."""
    decoded = frames(source)
    kept = [n for n, f in enumerate(decoded) if window is None or window.start <= f.time < window.stop]
    made, losses = film(source, out.suffix[1:], decoded, codec, audio=audio, window=window)
    decoded = [decoded[n] for n in kept]
    times = FrameTimes([f.ticks for f in decoded], [f.duration for f in decoded], made.frames.time_base, kept[0])
    made = Film(source, made.container, made.encoder, times, made.stream, made.display_matrix, audio, window)
    with Muxer(made, out) as muxer:
        for chunk in chunks(made.encoder, decoded, kept[0], seed):
            muxer.append(chunk.records, report(chunk))
        return [*losses, *muxer.finish()]


@dataclass(frozen=True)
class TrackSeen:
    """A track as it is read: `packets` are (seconds, MD5)."""

    type: str
    codec: str
    language: str
    disposition: int
    packets: tuple[tuple[Fraction, str], ...]

    @property
    def sums(self) -> list[str]:
        return [md5 for _, md5 in self.packets]

    @property
    def times(self) -> list[Fraction]:
        return [time for time, _ in self.packets]


def tracks(path: Path, kind: str) -> list[TrackSeen]:
    """Every track of a kind with all its packets."""
    with open_source(path) as source:
        streams = [s for s in source.streams if s.type == kind]
        found: dict[int, list[tuple[Fraction, str]]] = {s.index: [] for s in streams}
        for packet in source.demux(streams) if streams else ():
            if packet.size:
                time = Fraction((packet.pts or 0) * packet.time_base)
                found[packet.stream.index].append((time, hashlib.md5(bytes(packet)).hexdigest()))
        return [
            TrackSeen(kind, _codec(s), s.language or "und", int(s.disposition), tuple(found[s.index])) for s in streams
        ]


def _codec(stream: Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else ""


def drift(one: list[Fraction], other: list[Fraction]) -> float:
    """The largest difference of two lists of times, in seconds."""
    return float(max((abs(a - b) for a, b in zip(one, other, strict=True)), default=Fraction(0)))


def first_field(frame: av.VideoFrame) -> str:
    """Which field of an interlaced frame is shown first, "tt" or "bb". FFmpeg knows; it tells by taking them apart."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
    )
    graph.link_nodes(source, graph.add("separatefields"), graph.add("buffersink")).configure()
    graph.push(frame)
    field = graph.pull()
    assert isinstance(field, av.VideoFrame)
    (first, *_), (whole, *_) = (plane_views(f, f.width, f.height) for f in (field, frame))
    tops, bottoms = (first == whole[0::2]).all(), (first == whole[1::2]).all()
    assert tops != bottoms
    return "tt" if tops else "bb"
