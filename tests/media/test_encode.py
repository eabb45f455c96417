from __future__ import annotations

import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType
from msgspec.structs import replace

from tests.media.films import pixels
from tests.media.remake import first_field
from vidproc.errors import MediaError
from vidproc.media.decode import Decoder
from vidproc.media.encode import ChunkEncoder, EncodedChunk, decoded_as, open_encoder
from vidproc.media.output_codecs import CODECS
from vidproc.media.output_format import fit
from vidproc.media.records import PacketFlag, unpack
from vidproc.model import ChunkReport, Colour, EncoderSpec

pytestmark = pytest.mark.media

SPEC = EncoderSpec("h264", 64, 48, "yuv420p", crf=20.0)
ROOT = Path(__file__).parents[2]


def encode(spec: EncoderSpec, start: int = 0, count: int = 30, fresh: bool = False) -> EncodedChunk:
    """A chunk of moving pictures, filled into the encoder's own frames or into new ones each time."""
    encoder = ChunkEncoder(spec)
    for rank in range(start, start + count):
        source = pixels(rank, spec.width, spec.height)
        frame = av.VideoFrame(*fit(spec), spec.pix_fmt) if fresh else encoder.new_frame()
        for target, plane in zip(encoder.picture(frame), encoder.picture(source), strict=True):
            target[:] = plane
        encoder.encode(rank, frame)
    return encoder.finish()


def blank(encoder: ChunkEncoder) -> av.VideoFrame:
    frame = encoder.new_frame()
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame


def decode(*chunks: EncodedChunk) -> list[av.VideoFrame]:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.extradata = chunks[0].extradata
    frames: list[av.VideoFrame] = []
    for chunk in chunks:
        for record in unpack(chunk.records):
            frames += decoder.decode(av.Packet(bytes(record.data)))
    frames += decoder.decode(None)
    return frames


def digest(chunk: EncodedChunk) -> str:
    return hashlib.sha256(chunk.extradata + chunk.records).hexdigest()


def test_equal_frames_give_equal_bytes_after_other_work_and_in_another_process() -> None:
    first = digest(encode(SPEC))
    encode(replace(SPEC, crf=30.0), start=7)
    assert digest(encode(SPEC)) == first
    code = "from tests.media.test_encode import *; print(digest(encode(SPEC)))"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == first


@pytest.mark.parametrize("range", [0, 1, 2], ids=["unsaid", "limited", "full"])
@pytest.mark.parametrize(("codec", "pix_fmt"), [(row.name, form) for row in CODECS.values() for form in row.pix_fmts])
def test_a_decoder_finds_what_it_was_told(codec: str, pix_fmt: str, range: int) -> None:
    spec = EncoderSpec(codec, 64, 64, pix_fmt, crf=20.0, colour=Colour(range=range))
    encoder = ChunkEncoder(spec)
    encoder.encode(0, blank(encoder))
    chunk = encoder.finish()
    stream = decoded_as(spec, ChunkReport(1, chunk.extradata, chunk.delay, {}, {}))
    assert len(list(Decoder(stream).frames(chunk.records, 0, 1))) == 1


def test_frames_may_be_used_again_at_once() -> None:
    assert digest(encode(SPEC)) == digest(encode(SPEC, fresh=True))


def test_memory_of_encoded_frames_is_lent_again() -> None:
    encoder = ChunkEncoder(SPEC)
    first = encoder.new_frame()
    second = encoder.new_frame()
    assert first is not second
    encoder.encode(0, first)
    assert encoder.new_frame() is first


def test_what_a_frame_remembers_of_its_decoding_does_not_matter() -> None:
    encoder = ChunkEncoder(SPEC)
    for rank in range(30):
        frame = pixels(rank)
        frame.pict_type, frame.pts, frame.time_base = PictureType.I, 1000 - rank, Fraction(1, 7)
        encoder.encode(rank, frame)
    assert digest(encoder.finish()) == digest(encode(SPEC))


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium"])
def test_chunks_of_any_length_share_parameter_sets_and_delay_and_begin_with_an_idr_frame(preset: str) -> None:
    spec = replace(SPEC, preset=preset)
    chunks = [encode(spec, start, count) for start, count in ((0, 1), (1, 2), (3, 40), (43, 5))]
    assert len({(chunk.extradata, chunk.delay) for chunk in chunks}) == 1
    assert len(decode(*chunks)) == 48
    for chunk in chunks:
        first = next(unpack(chunk.records))
        assert first.flags & PacketFlag.KEY
        assert 5 in nal_types(bytes(first.data))


def nal_types(data: bytes) -> list[int]:
    """Of a packet in Annex B form; 5 is a slice of an IDR frame."""
    return [part[0] & 31 for part in data.split(b"\0\0\1")[1:]]


def test_records_have_the_frames_ranks_and_lie_in_decode_order() -> None:
    chunk = encode(SPEC, start=100, count=40)
    records = list(unpack(chunk.records))
    assert sorted(r.rank for r in records) == list(range(100, 140))
    assert [r.dts for r in records] == list(range(40))
    assert [r.rank for r in records] != sorted(r.rank for r in records), "B-frames are on"
    assert all(r.dts - (r.rank - 100) <= chunk.delay for r in records)


def test_the_picture_survives() -> None:
    frames = decode(encode(SPEC))
    worst = max(np.abs(f.to_ndarray().astype(int) - pixels(n).to_ndarray()).mean() for n, f in enumerate(frames))
    assert worst < 3


def test_colour_shape_and_range_are_in_the_stream() -> None:
    colour = Colour(primaries=1, transfer=1, matrix=5, range=2)
    frame = decode(encode(replace(SPEC, colour=colour, sar=Fraction(4, 3)), count=1))[0]
    seen = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
    assert tuple(int(value) for value in seen) == (1, 1, 5, 2)


@pytest.mark.parametrize("order", ["tt", "bb"])
def test_interlaced_frames_keep_their_field_order(order: str) -> None:
    chunk = encode(replace(SPEC, field_order=order))
    decoded = decode(chunk)
    assert all(frame.interlaced_frame for frame in decoded)
    assert {first_field(frame) for frame in decoded} == {order}
    assert {pic_struct(bytes(r.data)) for r in unpack(chunk.records)} == {order}


def pic_struct(data: bytes) -> str:
    """What a packet's picture timing says (ITU-T H.264, D.1.3), where the stream says nothing of buffers."""
    sei = next(part for part in data.split(b"\0\0\1")[1:] if part[0] & 31 == 6 and part[1] == 1)
    return {3: "tt", 4: "bb"}[sei[3] >> 4]


def test_progressive_frames_are_not_marked_interlaced() -> None:
    assert not any(frame.interlaced_frame for frame in decode(encode(SPEC, count=3)))


@pytest.mark.parametrize("own_frames", [True, False])
def test_odd_sizes_repeat_their_edges(own_frames: bool) -> None:
    spec = replace(SPEC, width=63, height=47, crf=1.0)
    encoder = ChunkEncoder(spec)
    frame = encoder.new_frame() if own_frames else av.VideoFrame(63, 47, "yuv420p")
    for plane, value in zip(encoder.picture(frame), (60, 128, 128), strict=True):
        plane[:] = value
    encoder.picture(frame)[0][:, -1] = 200
    encoder.encode(0, frame)
    made = decode(encoder.finish())[0]
    luma = made.to_ndarray()[:48].astype(int)
    assert (made.width, made.height) == (64, 48)
    assert np.abs(luma[:, 62:] - 200).max() < 12
    assert np.abs(luma[47, :60] - 60).max() < 12


def test_padding_keeps_fields_apart() -> None:
    spec = replace(SPEC, height=46, field_order="tt", crf=1.0)
    encoder = ChunkEncoder(spec)
    frame = encoder.new_frame()
    for plane in encoder.picture(frame):
        plane[:] = 128
    encoder.picture(frame)[0][0::2], encoder.picture(frame)[0][1::2] = 60, 200
    encoder.encode(0, frame)
    luma = decode(encoder.finish())[0].to_ndarray()[:48].astype(int)
    assert np.abs(luma[46] - 60).max() < 12
    assert np.abs(luma[47] - 200).max() < 12


@pytest.mark.parametrize("frame", [av.VideoFrame(32, 32, "yuv420p"), av.VideoFrame(64, 48, "yuv444p")])
def test_a_frame_of_another_kind_is_refused(frame: av.VideoFrame) -> None:
    with pytest.raises(ValueError, match="expected a yuv420p frame"):
        ChunkEncoder(SPEC).encode(0, frame)


def test_an_encoder_that_empties_itself_is_seen_to_be_alive() -> None:
    encoder, heard = ChunkEncoder(SPEC), []
    for rank in range(30):
        encoder.encode(rank, pixels(rank))
    chunk = encoder.finish(lambda: heard.append(len(heard)))
    assert 1 < len(heard) < chunk.frames == 30


def test_a_chunk_without_frames_is_empty() -> None:
    chunk = ChunkEncoder(SPEC).finish()
    assert (chunk.records, chunk.frames) == (b"", 0)
    assert chunk.extradata == encode(SPEC).extradata


_STARVED = """
import resource, sys
from vidproc.errors import VidprocError
from vidproc.media import encode, ffmpeg
from vidproc.model import EncoderSpec
ffmpeg.silence()
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (60 << 20),) * 2)
try:
    encoder = encode.ChunkEncoder(EncoderSpec(sys.argv[1], 3840, 2160, "yuv420p"))
    for rank in range(30):
        encoder.encode(rank, encoder.new_frame())
except VidprocError as error:
    print(error.code, error)
"""


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1", "ffv1"])
def test_an_encoder_without_memory_is_told_as_such_whatever_it_says_itself(codec: str) -> None:
    """x264 speaks of its library, libvpx of an argument."""
    done = subprocess.run([sys.executable, "-c", _STARVED, codec], capture_output=True, text=True, check=True)
    assert done.stdout == f"out-of-memory not enough memory to encode {codec} at 3840x2160: raise --memory-limit\n"


def test_what_an_encoder_refuses_is_no_want_of_memory() -> None:
    with pytest.raises(MediaError, match="h264 can't be encoded at 20000x48"):
        open_encoder(replace(SPEC, width=20000, height=48))
