"""How a film is to be encoded, and what its picture loses on the way. What there is to choose from: `output_codecs`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

import av
from msgspec.structs import replace

from vidproc.errors import BadParameterError, ClientError
from vidproc.filters.contract import PROGRESSIVE, Shape
from vidproc.media.colour import BT709, FULL, matrix_of
from vidproc.media.field_order import SAID
from vidproc.media.output_codecs import CODECS, CONTAINERS, OutputCodec, allowed, codec
from vidproc.model import Colour, EncoderSpec, JobSpec, StreamFormat

UNSPECIFIED = 2
HDR_TRANSFERS: Mapping[int, str] = MappingProxyType({16: "PQ", 18: "HLG"})
LIMITED_RANGE = 1
RGB_MATRIX = 0
DEFAULT_PRESET = "veryfast"
PIX_FMTS = ("", "source")


def check_settings(job: JobSpec) -> None:
    """What can be said of a job's output before its source is known. Raises as `encoder_spec` does."""
    allowed(job.codec, job.container)
    row = codec(job.codec)
    _check_quality(row, job.crf)
    if job.encoder_preset and job.encoder_preset not in row.presets:
        if not row.presets:
            raise BadParameterError(f"{row.name} has no presets; leave --encoder-preset out")
        raise BadParameterError(
            f"encoder preset {job.encoder_preset!r} is unknown to {row.name}; choose from {', '.join(row.presets)}"
        )
    if job.pix_fmt not in PIX_FMTS:
        raise ClientError(f"pix-fmt {job.pix_fmt!r}: it can be 'source', or left out for what most players show")


def _check_quality(row: OutputCodec, crf: float | None) -> None:
    quality = row.quality
    if crf is None:
        return
    if quality is None:
        raise BadParameterError(f"{row.name} is lossless; leave --crf out")
    if not quality.low <= crf <= quality.high:
        raise BadParameterError(f"crf {crf:g} is out of range for {row.name}: {quality.low:g} to {quality.high:g}")
    if quality.whole and crf != math.floor(crf):
        raise BadParameterError(f"crf {crf:g}: {row.name} takes whole numbers")


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
    pix_fmt = _pix_fmt(row, stream, job)
    _refuse_hdr(pix_fmt, stream, job)
    default = row.quality.default if row.quality else 0.0
    spec = EncoderSpec(
        codec=row.name,
        width=shape.width,
        height=shape.height,
        pix_fmt=pix_fmt,
        crf=default if job.crf is None else job.crf,
        preset=job.encoder_preset or (DEFAULT_PRESET if row.presets else ""),
        sar=shape.sar,
        colour=_colour(row, pix_fmt, stream, shape),
        field_order=shape.field_order if shape.field_order in row.interlaced else PROGRESSIVE,
        frame_rate=stream.frame_rate if stream.frame_rate > 0 else Fraction(25),
    )
    untold = (*_untold(row, spec, shape), *_aspect_losses(row, spec, job.container))
    return spec, (*_depth_losses(spec, stream), *_size_losses(spec), *untold)


def _pix_fmt(row: OutputCodec, stream: StreamFormat, job: JobSpec) -> str:
    """What the encoder is fed: of what it takes the least that loses nothing, or else what loses the least."""
    if not (row.keeps_format or job.pix_fmt):
        return row.pix_fmts[0]
    # Filters see RGB of any depth as 8 bits, which become YUV.
    form = av.VideoFormat("yuv444p" if is_rgb(stream.pix_fmt) else stream.pix_fmt)

    def cost(name: str) -> tuple[int, bool, int]:
        target = av.VideoFormat(name)
        samples = target.chroma_width(8) * target.chroma_height(8)
        coarser = _has_chroma(form) and _finer(form, target)
        return max(0, _bits(form) - _bits(target)), coarser, samples * _bits(target)

    return min(row.pix_fmts, key=cost)


def _bits(form: av.VideoFormat) -> int:
    return max(component.bits for component in form.components)


def shape_of(stream: StreamFormat) -> Shape:
    """The shape of the source's pictures."""
    return Shape(stream.width, stream.height, stream.sar, stream.field_order)


def scaling_loss(stream: StreamFormat, start: int, first: StreamFormat) -> tuple[str, ...]:
    """A sentence for a segment whose pictures have another size than the film's first; `start` is its first rank."""
    if (stream.width, stream.height) == (first.width, first.height):
        return ()
    sizes = f"{stream.width}x{stream.height} to {first.width}x{first.height}"
    return (f"from frame {start} on the picture was scaled from {sizes}, the size that the film begins with",)


def _refuse_hdr(pix_fmt: str, stream: StreamFormat, job: JobSpec) -> None:
    kind = HDR_TRANSFERS.get(stream.colour.transfer)
    if kind is None or _bits(av.VideoFormat(pix_fmt)) > 8:
        return
    rows = [CODECS[name] for name in CONTAINERS[job.container].codecs]
    deep = [
        f"--codec {row.name}" + ("" if row.keeps_format else " --pix-fmt source")
        for row in rows
        if any(_bits(av.VideoFormat(name)) > 8 for name in row.pix_fmts)
    ]
    way_out = " or ".join([*deep, "a source that was tone-mapped to SDR (BT.709)"])
    raise ClientError(f"the film is HDR ({kind}), which 8-bit {job.codec} can't carry; use {way_out}")


def is_rgb(pix_fmt: str) -> bool:
    """Whether the pixels are red, green and blue (palettes count) rather than brightness and colour."""
    form = av.VideoFormat(pix_fmt)
    return form.is_rgb or form.has_palette


def _colour(row: OutputCodec, pix_fmt: str, stream: StreamFormat, result: Shape) -> Colour:
    """The source's own tags, with the range that FFmpeg's `yuvj` formats imply and a matrix for what was RGB.

    A matrix that the source leaves open is written down where whoever guesses it by size would guess another one.
    """
    colour = stream.colour if _samples_chroma_like(pix_fmt, stream) else replace(stream.colour, siting="")
    if is_rgb(stream.pix_fmt):
        return replace(colour, matrix=row.matrix or BT709, range=LIMITED_RANGE)
    if stream.pix_fmt.startswith("yuvj"):
        colour = replace(colour, range=FULL)
    if colour.matrix == RGB_MATRIX:  # a wrong tag on YUV planes; an encoder of 4:2:0 refuses it
        colour = replace(colour, matrix=UNSPECIFIED)
    matrix = matrix_of(colour, stream.width, stream.height)
    return colour if matrix == matrix_of(colour, result.width, result.height) else replace(colour, matrix=matrix)


def _samples_chroma_like(pix_fmt: str, stream: StreamFormat) -> bool:
    """Whether the result's chroma samples lie where the source's do."""
    form, target = av.VideoFormat(stream.pix_fmt), av.VideoFormat(pix_fmt)
    return not is_rgb(stream.pix_fmt) and _has_chroma(form) and _subsampling(form) == _subsampling(target)


def _depth_losses(spec: EncoderSpec, stream: StreamFormat) -> list[str]:
    form, target = av.VideoFormat(stream.pix_fmt), av.VideoFormat(spec.pix_fmt)
    losses = []
    if _bits(form) > _bits(target):
        became = f"{_bits(form)}-bit colour became {_bits(target)}-bit (dithered)"
        losses.append(f"{became}, as {spec.codec} is written here")
    if is_rgb(stream.pix_fmt):
        losses.append(f"RGB became YUV {_subsampling(target)} (BT.709)")
    elif _has_chroma(form) and _finer(form, target):
        losses.append(f"chroma {_subsampling(form)} became {_subsampling(target)}")
    if any(component.is_alpha for component in form.components) and "pal8" not in stream.pix_fmt:
        losses.append(f"transparency is not kept: {spec.codec} has none")
    return losses


def _untold(row: OutputCodec, spec: EncoderSpec, shape: Shape) -> list[str]:
    """What is so still, but players are not told of."""
    losses = []
    if row.display is None and (spec.colour.mastering or spec.colour.light_level):
        losses.append(f"{row.name} can't say what display the film was made for (ST 2086 and light levels)")
    if spec.field_order != shape.field_order:
        losses.append(f"{row.name} can't say that frames are made of fields ({SAID[shape.field_order]})")
    matrix = matrix_of(spec.colour, spec.width, spec.height)
    if row.matrix and matrix != row.matrix:
        losses.append(f"{row.name} can't say by which matrix its colours are to be read; players take BT.601")
    return losses


def _aspect_losses(row: OutputCodec, spec: EncoderSpec, container: str) -> list[str]:
    """Matroska and WebM are told the shape of pixels by the stream's bytes alone, where PyAV writes them."""
    if row.tells_aspect or container not in ("mkv", "webm") or spec.sar in (0, 1):
        return []
    shape = f"pixels are {spec.sar} as wide as high"
    return [f"{row.name} in {container} can't say that {shape}: players will show them square"]


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

    A 4:2:0 picture has even sides where the codec can't cut one sample of chroma in two, and an interlaced one has two
    such fields: a height divisible by four.
    """
    if not codec(spec.codec).pads:
        return spec.width, spec.height
    form = av.VideoFormat(spec.pix_fmt)
    across = 8 // form.chroma_width(8)
    down = 8 // form.chroma_height(8) * (1 if spec.field_order == "progressive" else 2)
    return -(-spec.width // across) * across, -(-spec.height // down) * down


def _size_losses(spec: EncoderSpec) -> list[str]:
    wide, high = fit(spec)
    if (wide, high) == (spec.width, spec.height):
        return []
    return [f"the picture was padded from {spec.width}x{spec.height} to {wide}x{high}, as {spec.pix_fmt} demands"]
