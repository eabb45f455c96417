from __future__ import annotations

from fractions import Fraction

import pytest
from msgspec.structs import replace

from vidproc.errors import BadParameterError, ClientError
from vidproc.filters.contract import Shape
from vidproc.media.output_codecs import allowed
from vidproc.media.output_format import encoder_spec, fit
from vidproc.model import Colour, JobSpec, StreamFormat

pytestmark = pytest.mark.media

JOB = JobSpec(filters=())
STREAM = StreamFormat("h264", b"", 64, 48, "yuv420p", sar=Fraction(4, 3), colour=Colour(1, 1, 1, 1))


def test_a_plain_source_keeps_everything() -> None:
    spec, losses = encoder_spec(STREAM, JOB)
    assert (spec.width, spec.height, spec.sar, spec.colour) == (64, 48, Fraction(4, 3), Colour(1, 1, 1, 1))
    assert (spec.codec, spec.pix_fmt, spec.crf, spec.preset) == ("h264", "yuv420p", 23.0, "veryfast")
    assert losses == ()


@pytest.mark.parametrize(
    ("pix_fmt", "words"),
    [
        ("yuv420p10le", ["10-bit", "8-bit", "dithered"]),
        ("yuv422p", ["4:2:2", "4:2:0"]),
        ("yuvj444p", ["4:4:4", "4:2:0"]),
        ("yuv411p", ["4:1:1", "4:2:0"]),
        ("yuv444p12le", ["12-bit", "4:4:4"]),
        ("gbrp", ["RGB", "4:2:0"]),
        ("yuva420p", ["transparency"]),
        ("bgra", ["RGB", "transparency"]),
    ],
)
def test_what_the_pixels_lose_is_said(pix_fmt: str, words: list[str]) -> None:
    said = " ".join(encoder_spec(replace(STREAM, pix_fmt=pix_fmt), JOB)[1])
    assert all(word in said for word in words)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "gray", "nv12", "yuv410p"])
def test_what_loses_nothing_is_not_said(pix_fmt: str) -> None:
    assert encoder_spec(replace(STREAM, pix_fmt=pix_fmt), JOB)[1] == ()


@pytest.mark.parametrize(
    ("codec", "container", "told"),
    [
        ("vp9", "webm", False),
        ("vp9", "mp4", True),
        ("av1", "mkv", False),
        ("ffv1", "mkv", False),
        ("h264", "mkv", True),
        ("mjpeg", "mkv", True),
    ],
)
def test_where_the_shape_of_pixels_can_not_be_told_that_is_said(codec: str, container: str, told: bool) -> None:
    job = JobSpec(filters=(), codec=codec, container=container)
    said = " ".join(encoder_spec(STREAM, job)[1])
    assert ("pixels are 4/3 as wide as high" in said) is not told
    assert "as wide" not in " ".join(encoder_spec(replace(STREAM, sar=Fraction(1)), job)[1])


def test_yuvj_means_full_range() -> None:
    spec, _ = encoder_spec(replace(STREAM, pix_fmt="yuvj420p", colour=Colour()), JOB)
    assert (spec.pix_fmt, spec.colour.range) == ("yuv420p", 2)


def test_rgb_becomes_bt709_of_limited_range() -> None:
    spec, _ = encoder_spec(replace(STREAM, pix_fmt="gbrp", colour=Colour(1, 13, 0, 2)), JOB)
    assert spec.colour == Colour(1, 13, 1, 1)


@pytest.mark.parametrize(
    ("size", "order", "real"),
    [
        ((64, 48), "progressive", (64, 48)),
        ((63, 47), "progressive", (64, 48)),
        ((64, 46), "progressive", (64, 46)),
        ((64, 46), "tt", (64, 48)),
        ((720, 486), "bb", (720, 488)),
    ],
)
def test_sizes_are_padded_and_that_is_said(size: tuple[int, int], order: str, real: tuple[int, int]) -> None:
    stream = replace(STREAM, width=size[0], height=size[1], field_order=order)
    spec, losses = encoder_spec(stream, JOB)
    assert (spec.width, spec.height) == size
    assert fit(spec) == real
    assert [f"{real[0]}x{real[1]}" in loss for loss in losses] == ([] if size == real else [True])


def test_a_result_of_another_shape_is_encoded_as_that() -> None:
    spec, losses = encoder_spec(STREAM, JOB, Shape(33, 20, Fraction(4, 3)))
    assert (spec.width, spec.height, spec.sar) == (33, 20, Fraction(4, 3))
    assert losses == ("the picture was padded from 33x20 to 34x20, as yuv420p demands",)


@pytest.mark.parametrize(("size", "matrix"), [((640, 360), 1), ((1280, 720), 2)])
def test_a_matrix_that_players_would_now_guess_differently_is_written_down(size: tuple[int, int], matrix: int) -> None:
    large = replace(STREAM, width=1920, height=1080, colour=Colour())
    assert encoder_spec(large, JOB, Shape(*size))[0].colour.matrix == matrix


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused_with_a_way_out(transfer: int) -> None:
    stream = replace(STREAM, pix_fmt="yuv420p10le", colour=Colour(9, transfer, 9, 1))
    with pytest.raises(ClientError, match=r"HDR.*; use .*SDR"):
        encoder_spec(stream, JOB)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"codec": "h266"}, ClientError, "h264"),
        ({"container": "avi"}, ClientError, "mp4"),
        ({"crf": 52.0}, BadParameterError, "0 to 51"),
        ({"crf": -1.0}, BadParameterError, "0 to 51"),
        ({"encoder_preset": "quick"}, BadParameterError, "veryfast"),
    ],
)
def test_what_cannot_be_is_refused_naming_what_can(
    change: dict[str, object], error: type[ClientError], words: str
) -> None:
    with pytest.raises(error, match=words):
        encoder_spec(STREAM, replace(JOB, **change))  # type: ignore[arg-type]


def test_h264_goes_into_mp4_and_mkv() -> None:
    allowed("h264", "mp4")
    allowed("h264", "mkv")


@pytest.mark.parametrize(
    ("pix_fmt", "siting"), [("yuv420p10le", "center"), ("yuv422p", ""), ("gbrp", ""), ("gray", "")]
)
def test_where_chroma_lies_is_kept_where_its_samples_are(pix_fmt: str, siting: str) -> None:
    stream = replace(STREAM, pix_fmt=pix_fmt, colour=Colour(siting="center"))
    assert encoder_spec(stream, JOB)[0].colour.siting == siting


@pytest.mark.parametrize(
    ("codec", "asked", "source", "fed"),
    [
        ("h264", "", "yuv422p10le", "yuv420p"),
        ("h264", "source", "yuv422p10le", "yuv422p10le"),
        ("h264", "source", "yuv420p12le", "yuv420p10le"),
        ("h264", "source", "yuv411p", "yuv422p"),
        ("h264", "source", "gray", "yuv420p"),
        ("h264", "source", "gbrp", "yuv444p"),
        ("h265", "source", "yuv444p12le", "yuv444p12le"),
        ("h265", "source", "p010le", "yuv420p10le"),
        ("vp9", "", "yuv444p", "yuv420p"),
        ("vp9", "source", "yuv422p10le", "yuv422p"),
        ("av1", "", "yuv420p10le", "yuv420p10le"),
        ("av1", "", "yuv422p12le", "yuv420p10le"),
        ("av1", "", "yuv420p", "yuv420p"),
        ("ffv1", "", "yuv444p16le", "yuv444p16le"),
        ("ffv1", "", "yuv440p10le", "yuv440p10le"),
        ("ffv1", "", "yuva420p10le", "yuv420p10le"),
        ("ffv1", "", "yuvj420p", "yuv420p"),
        ("ffv1", "", "gray12le", "yuv420p12le"),
        ("mjpeg", "", "yuv422p", "yuvj420p"),
        ("mjpeg", "source", "yuv422p10le", "yuvj422p"),
    ],
)
def test_the_source_s_pixel_format_is_kept_as_far_as_the_codec_can(
    codec: str, asked: str, source: str, fed: str
) -> None:
    spec, losses = encoder_spec(
        replace(STREAM, pix_fmt=source), replace(JOB, container="mkv", codec=codec, pix_fmt=asked)
    )
    assert spec.pix_fmt == fed
    if fed == source:
        assert not any("became" in loss for loss in losses)


@pytest.mark.parametrize(
    ("codec", "container", "way_out"),
    [
        ("h265", "mp4", "--codec h264 --pix-fmt source or --codec h265 --pix-fmt source or --codec av1 or a source"),
        ("vp9", "webm", "use --codec av1 or a source"),
        ("mjpeg", "mkv", "--codec av1 or --codec ffv1 or a source"),
    ],
)
def test_hdr_goes_into_ten_bits(codec: str, container: str, way_out: str) -> None:
    stream = replace(STREAM, pix_fmt="yuv420p10le", colour=Colour(9, 16, 9, 1))
    job = replace(JOB, codec=codec, container=container)
    with pytest.raises(ClientError, match=way_out):
        encoder_spec(stream, job)
    for taken in (
        replace(job, codec="h265", container="mp4", pix_fmt="source"),
        replace(job, codec="av1", container="mp4"),
    ):
        spec, losses = encoder_spec(stream, taken)
        assert (spec.pix_fmt, spec.colour, losses) == ("yuv420p10le", Colour(9, 16, 9, 1), ())


@pytest.mark.parametrize(("codec", "padded"), [("h264", True), ("h265", True), ("vp9", False), ("av1", False)])
def test_odd_sizes_are_padded_where_the_codec_must(codec: str, padded: bool) -> None:
    spec, losses = encoder_spec(replace(STREAM, width=63), replace(JOB, container="mkv", codec=codec))
    assert fit(spec) == ((64, 48) if padded else (63, 48))
    assert any("padded" in loss for loss in losses) == padded


def test_codecs_without_presets_or_quality_take_none() -> None:
    for change in ({"codec": "ffv1", "encoder_preset": "slow"}, {"codec": "ffv1", "crf": 3.0}, {"pix_fmt": "yuv444p"}):
        with pytest.raises(ClientError, match=r"has no presets|is lossless|can be 'source'"):
            encoder_spec(STREAM, replace(JOB, container="mkv", **change))  # type: ignore[arg-type]
