"""What can be written: the codecs and containers, what each takes, and what a source loses on its way into them.

Codecs are data. A codec is what an encoder needs to know that does not depend on the film (its name, its fixed
options, its pixel format) and what a job may ask of it (containers, presets, the range of CRF). Adding one is adding a
row to `CODECS`; nothing here or in the encoder asks for a codec by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import av
from msgspec.structs import replace

from vidproc.errors import BadParameterError, ClientError
from vidproc.filters.contract import Shape
from vidproc.media.colour import matrix_of
from vidproc.model import Colour, EncoderSpec, JobSpec, StreamFormat

X264_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip

KEYFRAME_DISTANCE = 250
"""Most frames from one keyframe to the next: x264's own default. Chunks are usually shorter."""

UNSPECIFIED = 2
HDR_TRANSFERS: Mapping[int, str] = MappingProxyType({16: "PQ", 18: "HLG"})
FULL_RANGE = 2
LIMITED_RANGE = 1
BT709 = 1
RGB_MATRIX = 0


@dataclass(frozen=True, slots=True)
class OutputCodec:
    """One row of the table.

    encoder: FFmpeg's name of the encoder.
    options: the encoder's private options that make it deterministic; crf and preset are added to them.
    interlaced: what else is set for a film of fields, by the one that is shown first.
    pix_fmt, bits: what it is fed. containers: where it may be put, best first.
    """

    name: str
    encoder: str
    pix_fmt: str
    bits: int
    containers: tuple[str, ...]
    presets: tuple[str, ...]
    crf: tuple[float, float]
    options: Mapping[str, str]
    interlaced: Mapping[str, Mapping[str, str]]


# The same bytes whatever processor it runs on, and nothing in them that counts threads.
_X264_PARAMS = "cpu-independent=1:sliced-threads=0:sync-lookahead=0:lookahead-threads=1:open-gop=0"

H264 = OutputCodec(
    name="h264",
    encoder="libx264",
    pix_fmt="yuv420p",
    bits=8,
    containers=("mp4", "mkv"),
    presets=X264_PRESETS,
    crf=(0.0, 51.0),
    options={"x264-params": _X264_PARAMS, "forced-idr": "1"},
    # FFmpeg's wrapper opens x264 with the top field first and looks at frames too late: of a film that is shown bottom
    # field first most pictures' timing would say the contrary of their order.
    interlaced={
        "tt": {"x264-params": f"{_X264_PARAMS}:tff=1"},
        "bb": {"x264-params": f"{_X264_PARAMS}:bff=1"},
    },
)

CODECS: Mapping[str, OutputCodec] = MappingProxyType({row.name: row for row in (H264,)})

MUXERS: Mapping[str, str] = MappingProxyType({"mp4": "mp4", "mkv": "matroska"})
"""Containers by the name that people use, and FFmpeg's name for the muxer."""


def codec(name: str) -> OutputCodec:
    """The codec of that name. Raises `ClientError` naming those that there are."""
    try:
        return CODECS[name]
    except KeyError:
        raise ClientError(f"codec {name!r} is not available; choose from {', '.join(CODECS)}") from None


def allowed(codec_name: str, container: str) -> None:
    """Raises `ClientError` for a codec, a container or a pair of them that can't be written."""
    row = codec(codec_name)
    if container not in MUXERS:
        raise ClientError(f"container {container!r} is not available; choose from {', '.join(MUXERS)}")
    if container not in row.containers:
        raise ClientError(f"{codec_name} can't be put into {container}; choose from {', '.join(row.containers)}")


def check_settings(job: JobSpec) -> None:
    """What can be said of a job's output before its source is known. Raises as `encoder_spec` does."""
    allowed(job.codec, job.container)
    row = codec(job.codec)
    low, high = row.crf
    if not low <= job.crf <= high:
        raise BadParameterError(f"crf {job.crf:g} is out of range for {row.name}: {low:g} to {high:g}")
    if job.encoder_preset not in row.presets:
        raise BadParameterError(
            f"encoder preset {job.encoder_preset!r} is unknown to {row.name}; choose from {', '.join(row.presets)}"
        )


def encoder_spec(
    stream: StreamFormat, job: JobSpec, result: Shape | None = None
) -> tuple[EncoderSpec, tuple[str, ...]]:
    """How a job's frames are to be encoded, and a sentence for each thing about the picture that this loses.

    `result` is the shape that the filters give the pictures, if not the source's own. The spec's size is the
    picture's; `fit` says what the encoder makes of it. Raises `ClientError` when the job asks
    for what can't be, `BadParameterError` when CRF or preset are out of their range.
    """
    check_settings(job)
    row, shape = codec(job.codec), result or shape_of(stream)
    _refuse_hdr(row, stream)
    spec = EncoderSpec(
        codec=row.name,
        width=shape.width,
        height=shape.height,
        pix_fmt=row.pix_fmt,
        crf=job.crf,
        preset=job.encoder_preset,
        sar=shape.sar,
        colour=_colour(row, stream, shape),
        field_order=stream.field_order,
        frame_rate=stream.frame_rate if stream.frame_rate > 0 else Fraction(25),
    )
    return spec, (*_depth_losses(row, stream), *_size_losses(spec))


def shape_of(stream: StreamFormat) -> Shape:
    """The shape of the source's pictures."""
    return Shape(stream.width, stream.height, stream.sar)


def scaling_loss(stream: StreamFormat, start: int, first: StreamFormat) -> tuple[str, ...]:
    """A sentence for a segment whose pictures have another size than the film's first; `start` is its first rank."""
    if (stream.width, stream.height) == (first.width, first.height):
        return ()
    sizes = f"{stream.width}x{stream.height} to {first.width}x{first.height}"
    return (f"from frame {start} on the picture was scaled from {sizes}, the size that the film begins with",)


def _refuse_hdr(row: OutputCodec, stream: StreamFormat) -> None:
    kind = HDR_TRANSFERS.get(stream.colour.transfer)
    if kind is None or row.bits > 8:
        return
    deep = [f"--codec {other.name}" for other in CODECS.values() if other.bits > 8]
    way_out = " or ".join([*deep, "a source that was tone-mapped to SDR (BT.709)"])
    raise ClientError(f"the film is HDR ({kind}), which 8-bit {row.name} can't carry; use {way_out}")


def is_rgb(pix_fmt: str) -> bool:
    """Whether the pixels are red, green and blue (palettes count) rather than brightness and colour."""
    form = av.VideoFormat(pix_fmt)
    return form.is_rgb or form.has_palette


def _colour(row: OutputCodec, stream: StreamFormat, result: Shape) -> Colour:
    """The source's own tags, with the range that FFmpeg's `yuvj` formats imply and a matrix for what was RGB.

    A matrix that the source leaves open is written down where whoever guesses it by size would guess another one.
    """
    colour = stream.colour if _samples_chroma_like(row, stream) else replace(stream.colour, siting="")
    if is_rgb(stream.pix_fmt):
        return replace(colour, matrix=BT709, range=LIMITED_RANGE)
    if stream.pix_fmt.startswith("yuvj"):
        colour = replace(colour, range=FULL_RANGE)
    if colour.matrix == RGB_MATRIX:  # a wrong tag on YUV planes; an encoder of 4:2:0 refuses it
        colour = replace(colour, matrix=UNSPECIFIED)
    matrix = matrix_of(colour, stream.width, stream.height)
    return colour if matrix == matrix_of(colour, result.width, result.height) else replace(colour, matrix=matrix)


def _samples_chroma_like(row: OutputCodec, stream: StreamFormat) -> bool:
    """Whether the result's chroma samples lie where the source's do."""
    form, target = av.VideoFormat(stream.pix_fmt), av.VideoFormat(row.pix_fmt)
    return not is_rgb(stream.pix_fmt) and _has_chroma(form) and _subsampling(form) == _subsampling(target)


def _depth_losses(row: OutputCodec, stream: StreamFormat) -> list[str]:
    form, target = av.VideoFormat(stream.pix_fmt), av.VideoFormat(row.pix_fmt)
    losses = []
    bits = max(component.bits for component in form.components)
    if bits > row.bits:
        losses.append(f"{bits}-bit colour became {row.bits}-bit (dithered), as {row.name} is written here")
    if is_rgb(stream.pix_fmt):
        losses.append(f"RGB became YUV {_subsampling(target)} (BT.709)")
    elif _has_chroma(form) and _finer(form, target):
        losses.append(f"chroma {_subsampling(form)} became {_subsampling(target)}")
    if any(component.is_alpha for component in form.components) and "pal8" not in stream.pix_fmt:
        losses.append(f"transparency is not kept: {row.name} has none")
    return losses


def _finer(form: av.VideoFormat, target: av.VideoFormat) -> bool:
    """Whether chroma has more samples, across or down."""
    across = form.chroma_width(8) > target.chroma_width(8)
    return across or form.chroma_height(8) > target.chroma_height(8)


def _has_chroma(form: av.VideoFormat) -> bool:
    return sum(not component.is_alpha for component in form.components) > 1


def _subsampling(form: av.VideoFormat) -> str:
    names = {64: "4:4:4", 32: "4:2:2", 16: "4:2:0"}
    wide, high = form.chroma_width(8), form.chroma_height(8)
    if (wide, high) == (8, 4):
        return "4:4:0"
    return "4:1:1" if (wide, high) == (2, 8) else names.get(wide * high, "4:1:0")


def fit(spec: EncoderSpec) -> tuple[int, int]:
    """(width, height) that the encoder really makes: the picture's, rounded up to what chroma and fields demand.

    A 4:2:0 picture has even sides, and an interlaced one has two such fields: a height divisible by four.
    """
    form = av.VideoFormat(spec.pix_fmt)
    across = 8 // form.chroma_width(8)
    down = 8 // form.chroma_height(8) * (1 if spec.field_order == "progressive" else 2)
    return -(-spec.width // across) * across, -(-spec.height // down) * down


def _size_losses(spec: EncoderSpec) -> list[str]:
    wide, high = fit(spec)
    if (wide, high) == (spec.width, spec.height):
        return []
    return [f"the picture was padded from {spec.width}x{spec.height} to {wide}x{high}, as {spec.pix_fmt} demands"]
