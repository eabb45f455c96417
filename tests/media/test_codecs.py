"""Every codec that can be written, in every container that takes it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from msgspec import structs

from tests.media.films import Plan, Sound, Text, make, pixels
from tests.media.remake import drift, frames, remake, tracks
from vidproc.errors import BadParameterError, ClientError
from vidproc.media.container import open_source
from vidproc.media.encode import ChunkEncoder, EncodedChunk, plane_views
from vidproc.media.output_codecs import CODECS, CONTAINERS, allowed, choice, codec
from vidproc.media.output_format import check_settings, encoder_spec, fit
from vidproc.media.probe import refine
from vidproc.media.records import PacketFlag, unpack
from vidproc.model import Colour, EncoderSpec, JobSpec, StreamFormat

pytestmark = pytest.mark.media

ROOT = Path(__file__).parents[2]
PAIRS = [(name, container) for container, row in CONTAINERS.items() for name in row.codecs]
DEEP = [(row.name, pix_fmt) for row in CODECS.values() for pix_fmt in row.pix_fmts]
SOUNDS = {"mp4": ["aac", "opus"], "mkv": ["aac", "opus"], "mov": ["aac", "aac"], "webm": ["opus", "opus"]}
"""What becomes of an AAC track and an Opus track in each container."""
DECODERS = {"av1": "libdav1d"}
"""Where FFmpeg's own decoder by the name of the codec needs special hardware."""

BT2020 = Colour(primaries=9, transfer=1, matrix=9, range=1)


def spec_of(name: str, **changes: Any) -> EncoderSpec:
    stream = StreamFormat("h264", b"", 64, 48, "yuv420p", colour=BT2020)
    container = next(container for container, row in CONTAINERS.items() if name in row.codecs)
    spec, _ = encoder_spec(stream, JobSpec((), container, name))
    return structs.replace(spec, **changes)


def encode(spec: EncoderSpec, start: int = 0, count: int = 20) -> EncodedChunk:
    encoder = ChunkEncoder(spec)
    for rank in range(start, start + count):
        encoder.encode(rank, pixels(rank, spec.width, spec.height, spec.pix_fmt))
    return encoder.finish()


def decode(spec: EncoderSpec, *chunks: EncodedChunk) -> list[av.VideoFrame]:
    """As one stream; a frame's time is its rank."""
    name = av.Codec(codec(spec.codec).encoder, "w").canonical_name
    decoder: Any = av.CodecContext.create(DECODERS.get(name, name), "r")
    decoder.width, decoder.height = fit(spec)  # which FFV1 leaves to the container
    decoder.extradata, decoder.thread_count = chunks[0].extradata or None, 1
    found: list[av.VideoFrame] = []
    for record in (record for chunk in chunks for record in unpack(chunk.records)):
        packet = av.Packet(bytes(record.data))
        packet.pts = record.rank
        found += decoder.decode(packet)
    return found + decoder.decode(None)


def digest(chunk: EncodedChunk) -> str:
    return hashlib.sha256(chunk.extradata + chunk.records).hexdigest()


def difference(one: av.VideoFrame, other: av.VideoFrame) -> float:
    """The mean, in codes, of the plane that is furthest off."""
    planes = zip(plane_views(one, one.width, one.height), plane_views(other, one.width, one.height), strict=True)
    return max(float(np.abs(a.astype(float) - b).mean()) for a, b in planes)


def digests() -> str:
    return " ".join(digest(encode(spec_of(name))) for name in CODECS)


def test_another_process_makes_the_same_bytes_after_other_work() -> None:
    for name in CODECS:
        encode(spec_of(name), start=7, count=3)
    code = "from tests.media.test_codecs import digests; print(digests())"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digests()


@pytest.mark.parametrize("name", CODECS)
def test_chunks_of_any_length_are_joined_into_one_stream(name: str) -> None:
    spec = spec_of(name)
    chunks = [encode(spec, start, count) for start, count in ((0, 1), (1, 2), (3, 30), (33, 5))]
    assert len({(chunk.extradata, chunk.delay) for chunk in chunks}) == 1
    decoded = decode(spec, *chunks)
    assert [frame.pts for frame in decoded] == list(range(38))
    alone = [frame for chunk in chunks for frame in decode(spec, chunk)]
    for one, other in zip(decoded, alone, strict=True):
        assert difference(one, other) == 0
    for chunk in chunks:
        records = list(unpack(chunk.records))
        assert records[0].flags & PacketFlag.KEY
        assert len(records) == chunk.frames
        assert all(n - (record.rank - records[0].rank) <= chunk.delay for n, record in enumerate(records))


@pytest.mark.parametrize(("name", "pix_fmt"), DEEP)
def test_every_pixel_format_survives(name: str, pix_fmt: str) -> None:
    spec = spec_of(name, pix_fmt=pix_fmt)
    (frame,) = decode(spec, encode(spec, count=1))
    assert frame.format.name == pix_fmt
    off = difference(frame, pixels(0, pix_fmt=pix_fmt)) * 256 / (1 << frame.format.components[0].bits)
    assert off < 6 if codec(name).quality else off == 0


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("size", [(63, 47), (16, 18)])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    spec = spec_of(name, width=size[0], height=size[1])
    frame = decode(spec, encode(spec, count=3))[-1]
    padded = tuple(-(-side // 2) * 2 for side in size) if codec(name).pads else size
    assert (frame.width, frame.height) == padded


@pytest.mark.parametrize("name", CODECS)
def test_fields_are_kept_or_said_to_be_lost(name: str) -> None:
    stream = StreamFormat("h264", b"", 64, 48, "yuv420p", field_order="bb")
    container = next(container for container, row in CONTAINERS.items() if name in row.codecs)
    spec, losses = encoder_spec(stream, JobSpec((), container, name))
    interlaced = {frame.interlaced_frame for frame in decode(spec, encode(spec))}
    assert interlaced == {not any("made of fields (bottom field first)" in loss for loss in losses)}


@pytest.mark.parametrize("name", CODECS)
def test_encoders_leave_the_process_s_priority_alone(name: str) -> None:
    encoder = ChunkEncoder(spec_of(name))
    policies = {os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")}
    assert policies == {os.SCHED_OTHER}
    encoder.finish()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = Plan(
        times=tuple(17920 + n * 512 + (n * n * 37) % 300 for n in range(40)),
        colour=(9, 14, 9, 1),
        rotation=90,
        sounds=[Sound("aac", "eng"), Sound("libopus", "fra")],
        texts=[Text(((1500, 500, "Hello"), (2500, 300, "<i>you</i>")), "eng")],
    )
    return make(tmp_path_factory.mktemp("codecs") / "source.mkv", plan)


@pytest.mark.parametrize(("name", "container"), PAIRS)
def test_every_pair_plays(name: str, container: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out.{container}"
    losses = remake(source, out, codec=name)
    was, now = frames(source), frames(out)
    assert drift([frame.time for frame in was], [frame.time for frame in now]) < 0.000501
    sounds = tracks(out, "audio")
    assert [track.language for track in sounds] == ["eng", "fra"]
    assert [track.codec for track in sounds] == SOUNDS[container]
    for one, other in zip(tracks(source, "audio"), sounds, strict=True):
        assert abs(one.times[0] - other.times[0]) < 0.03
        assert abs(one.times[-1] - other.times[-1]) < 0.05
    (text,) = tracks(out, "subtitle")
    assert (text.language, text.codec) == ("eng", CONTAINERS[container].text)
    picture = now[0].picture
    assert (int(picture.color_primaries), int(picture.color_trc)) == (9, 14)
    matrix = codec(name).matrix
    assert (int(picture.colorspace), int(picture.color_range)) == ((matrix, 2) if matrix else (9, 1))
    assert any("matrix" in loss for loss in losses) == bool(matrix)
    with open_source(out) as written:
        video = written.streams.video[0]
        assert video.codec_context.codec_tag == codec(name).tags.get(container, video.codec_context.codec_tag)
        keys = [packet.is_keyframe for packet in written.demux(video) if packet.size]
    assert keys[0]
    assert len(keys) == len(was)


@pytest.mark.parametrize(("name", "container"), [(a, b) for a in CODECS for b in CONTAINERS if (a, b) not in PAIRS])
def test_every_other_pair_is_refused_naming_what_could_be(name: str, container: str) -> None:
    with pytest.raises(ClientError, match=f"{name} can't be put into {container}, which takes .*; {name} goes into"):
        allowed(name, container)


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_apple_s_players_find_hevc_and_the_index_comes_first(container: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out.{container}"
    remake(source, out, codec="h265")
    data = out.read_bytes()
    assert b"hvc1" in data
    assert b"hev1" not in data
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_container_has_a_codec_of_its_own() -> None:
    chosen = {"mp4": "h264", "mkv": "h264", "mov": "h264", "webm": "vp9"}
    assert {name: choice(name, "h264") for name in CONTAINERS} == {name: chosen[name] for name in CONTAINERS}
    assert choice("mkv", "h265") == "h265"


MASTERING = (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10_000_000, 50)


@pytest.mark.parametrize("name", CODECS)
def test_the_display_of_an_hdr_film_is_kept_or_said_to_be_lost(name: str) -> None:
    colour = structs.replace(BT2020, mastering=MASTERING, light_level=(1000, 400))
    stream = StreamFormat("hevc", b"", 64, 48, "yuv420p10le", colour=colour)
    container = next(container for container, row in CONTAINERS.items() if name in row.codecs)
    spec, losses = encoder_spec(stream, JobSpec((), container, name))
    seen = refine(stream_of(spec), decode(spec, encode(spec, count=1))[0]).colour
    if any("what display" in loss for loss in losses):
        assert (seen.mastering, seen.light_level) == ((), ())
    else:
        assert np.abs(np.subtract(seen.mastering, MASTERING)).max() <= 2, "AV1 has units of its own"
        assert seen.light_level == (1000, 400)


def stream_of(spec: EncoderSpec) -> StreamFormat:
    return StreamFormat(spec.codec, b"", spec.width, spec.height, spec.pix_fmt)


@pytest.mark.parametrize("name", CODECS)
def test_presets_are_speeds_of_their_codec(name: str) -> None:
    for preset in CODECS[name].presets:
        ChunkEncoder(spec_of(name, preset=preset)).finish()


@pytest.mark.parametrize("name", CODECS)
def test_quality_is_checked_by_the_codec_s_own_range(name: str) -> None:
    container = next(container for container, row in CONTAINERS.items() if name in row.codecs)
    quality, job = CODECS[name].quality, JobSpec((), container, name)
    if quality is None:
        with pytest.raises(BadParameterError, match="lossless"):
            check_settings(structs.replace(job, crf=20.0))
        return
    assert spec_of(name).crf == quality.default
    ends = [encode(spec_of(name, crf=crf), count=2) for crf in (quality.low, quality.high)]
    assert len(ends[0].records) > len(ends[1].records)
    with pytest.raises(BadParameterError, match=f"{quality.low:g} to {quality.high:g}"):
        check_settings(structs.replace(job, crf=quality.high + 1))
    if quality.whole:
        with pytest.raises(BadParameterError, match="whole numbers"):
            check_settings(structs.replace(job, crf=quality.default + 0.5))
