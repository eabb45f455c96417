"""Every kind of clip through reading and writing, chunk by chunk, with no filter between."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.media.clips import CLIPS, DAMAGED
from tests.media.remake import frames, report
from vidproc.media.decode import Decoder
from vidproc.media.encode import ChunkEncoder, EncodedChunk
from vidproc.media.film_clock import FrameTimes
from vidproc.media.ingest import Ingested, Listener, Request, ingest
from vidproc.media.mux import Film, Muxer
from vidproc.media.output_format import encoder_spec
from vidproc.model import Chunk, EncoderSpec, JobSpec, StreamFormat

pytestmark = pytest.mark.media

RESTARTING = ("joined", "joined in the middle", "change of size", "change of size mpeg2", "change of depth")
"""Clips whose clock starts again in the middle."""
UNTIMED = ("h264 in avi",)
ROUNDING = {"mp4": 0.0, "mkv": 0.0005}


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("name", [*CLIPS, *DAMAGED])
def test_every_frame_of_every_kind_of_film_arrives(
    name: str, container: str, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    source, out = clip(name), tmp_path / f"out.{container}"
    read = through(source, out, container)
    seen, base = [frame.time for frame in frames(out)], read.info.time_base
    assert len(seen) == read.frames
    assert all(a < b for a, b in pairwise(seen))
    if name not in RESTARTING:
        expected = sorted(read.times) if name in UNTIMED else list(read.times)
        worst = max(abs(float(time - ticks * base)) for time, ticks in zip(seen, expected, strict=True))
        assert worst <= ROUNDING[container] + 1e-6


def through(source: Path, out: Path, container: str) -> Ingested:
    """Read, decode, encode and write a film; what was read."""
    chunks: list[Chunk] = []
    formats: dict[int, StreamFormat] = {}
    packets = out.with_suffix(".packets")
    listener = Listener(segment=formats.__setitem__, chunks=chunks.extend)
    read = ingest(source, packets, Request(), listener)
    spec, _ = encoder_spec(read.info.stream, JobSpec(filters=(), container=container))
    times = FrameTimes(read.times, read.durations, read.info.time_base)
    with Muxer(Film(source, container, spec, times, read.info.video, read.info.display_matrix), out) as muxer:
        for chunk in chunks:
            records = packets.read_bytes()[chunk.packets_start : chunk.packets_stop]
            made = encoded(chunk, records, formats.get(chunk.segment, read.info.stream), spec)
            muxer.append(made.records, report(made))
        muxer.finish()
    return read


def encoded(chunk: Chunk, records: bytes, stream: StreamFormat, spec: EncoderSpec) -> EncodedChunk:
    encoder = ChunkEncoder(spec)
    for rank, frame in Decoder(stream).frames(records, chunk.first, chunk.last, chunk.stop):
        if chunk.start <= rank < chunk.stop:
            encoder.encode(rank, frame.reformat(width=spec.width, height=spec.height, format=spec.pix_fmt))
    return encoder.finish()
