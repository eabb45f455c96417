from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import Flags
from av.filter import Graph

from tests.media.clips import make
from vidproc.media.ingest import ingest
from vidproc.media.probe import probe
from vidproc.model import Colour

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]


def test_the_stream_is_described(clip: Clip) -> None:
    info = probe(clip("constant rate"))
    stream = info.stream
    assert (stream.codec, stream.width, stream.height, stream.pix_fmt) == ("h264", 96, 64, "yuv420p")
    assert (stream.frame_rate, stream.field_order, stream.codec_tag) == (Fraction(24), "progressive", "avc1")
    assert stream.extradata.startswith(b"\x01")
    assert info.frames_from_header == 60
    assert info.duration_from_header == pytest.approx(2.5, abs=0.1)
    assert info.container.startswith("mov,")


@pytest.mark.parametrize(
    ("name", "colour"),
    [("bt709", Colour(1, 1, 1, 1)), ("bt601", Colour(6, 6, 6, 1)), ("full range", Colour(1, 1, 1, 2))],
)
def test_colour(name: str, colour: Colour, clip: Clip) -> None:
    assert probe(clip(name)).stream.colour == colour


@pytest.mark.parametrize(
    ("name", "size", "pix_fmt"),
    [
        ("ten bits", (96, 64), "yuv420p10le"),
        ("odd size", (51, 37), "yuv444p"),
        ("odd size mjpeg", (51, 37), "yuvj420p"),
        ("gif", (96, 64), "bgra"),
        ("mpegts", (96, 64), "yuv420p"),
    ],
)
def test_size_and_pixel_format_are_those_of_a_decoded_frame(
    name: str, size: tuple[int, int], pix_fmt: str, clip: Clip
) -> None:
    stream = probe(clip(name)).stream
    assert (stream.width, stream.height, stream.pix_fmt) == (*size, pix_fmt)


def test_rotation(clip: Clip) -> None:
    one = 2**16
    assert probe(clip("rotation")).display_matrix == (0, -one, 0, one, 0, 0, 0, 0, 2**30)
    assert probe(clip("bt709")).display_matrix == ()


def test_anamorphic_pixels(clip: Clip) -> None:
    assert probe(clip("anamorphic")).stream.sar == Fraction(16, 11)


@pytest.mark.parametrize("name", ["h264 interlaced", "mpeg2 interlaced"])
def test_interlaced_films_say_so(name: str, clip: Clip) -> None:
    assert probe(clip(name)).stream.field_order in ("tt", "bb")


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("mpeg4.mp4", {"tff": 0, "bff": 0}),  # which says nothing
        ("ffv1.mkv", {"tff": 0, "bff": 0}),
        ("mpeg2video.ts", {"tff": 2, "bff": 3}),  # the stream's own
        ("mpeg2video.mkv", {"tff": 4, "bff": 5}),  # as FFmpeg's program writes it
        ("mpeg2video.mkv", {"tff": 3, "bff": 2}),  # which is wrong
    ],
)
def test_which_field_comes_first_is_the_frames_to_say(
    tmp_path: Path, name: str, header: dict[str, int], order: str
) -> None:
    path = tmp_path / name
    marked_film(path, order, header[order])
    with av.open(str(path)) as source:
        assert source.streams.video[0].codec_context.field_order == header[order]
    assert probe(path).stream.field_order == {"tff": "tt", "bff": "bb"}[order]


def marked_film(path: Path, order: str, header: int) -> None:
    """Three frames of two fields each, marked as FFmpeg's `setfield` does, and a header that says something else."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(path.stem, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        stream.codec_context.field_order = header
        marking = Graph()
        source = marking.add_buffer(width=64, height=48, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25))
        marking.link_nodes(source, marking.add("setfield", order), marking.add("buffersink")).configure()
        noise = np.random.default_rng(1)  # enough of it for a TS to be recognised by
        for pts in range(3):
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 256, (72, 64), np.uint8), "yuv420p")
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            marking.push(frame)
            film.mux(stream.encode(marking.vpull()))
        film.mux(stream.encode())


def test_a_header_s_word_counts_where_frames_say_nothing(tmp_path: Path) -> None:
    marked_film(tmp_path / "ffv1.mkv", "prog", 5)
    assert probe(tmp_path / "ffv1.mkv").stream.field_order == "bb"


def test_all_streams_are_listed(clip: Clip) -> None:
    info = probe(clip("two languages"))
    assert [(s.type, s.codec) for s in info.streams[1:]] == [("audio", "aac")] * 2
    assert [s.type for s in probe(clip("subtitles")).streams] == ["video", "subtitle"]


def test_cover_art_is_not_the_film(clip: Clip) -> None:
    info = probe(clip("cover"))
    assert [stream.type for stream in info.streams] == ["video", "video"]
    assert info.stream.codec == info.streams[info.video].codec == "h264"


def test_the_film_begins_where_its_earliest_stream_does(clip: Clip) -> None:
    assert probe(clip("start offset")).start_time == pytest.approx(5.0, abs=0.2)


def test_closed_captions_inside_the_picture_are_told(clip: Clip, tmp_path: Path) -> None:
    """They are put there by hand: an SEI message (H.264 D.1.6, ATSC A/53 part 4) before each picture's slices."""
    captions = b"\xb5\x00\x31GA94\x03\x41\xff\xfc\x94\x20\xff"
    sei = b"\x00\x00\x00\x01\x06\x04" + bytes([len(captions)]) + captions + b"\x80"
    film = tmp_path / "captions.ts"
    with av.open(str(clip("mpegts"))) as source, av.open(str(film), "w") as out:
        video = source.streams.video[0]
        copy = out.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.size:
                told = av.Packet(sei + bytes(packet))
                told.pts, told.dts, told.time_base, told.stream = packet.pts, packet.dts, packet.time_base, copy
                told.is_keyframe = packet.is_keyframe
                out.mux(told)
    assert probe(film).captions
    assert not probe(clip("mpegts")).captions
    assert "closed captions inside the picture are not kept" in ingest(film, tmp_path / "packets").losses


def test_clips_are_made_at_an_ordinary_priority(tmp_path: Path) -> None:
    make("av1", tmp_path)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
