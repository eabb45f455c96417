"""How much memory an encoder needs at most, and the result that it makes; `slot_memory` says what the rest takes."""

from __future__ import annotations

import math

import av

from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.media.output_codecs import codec
from vidproc.media.output_format import fit
from vidproc.model import EncoderSpec

MiB = 2**20


def encoder_bytes(spec: EncoderSpec, frames: int) -> int:
    """Bytes for encoding a chunk of so many frames, and for what it becomes."""
    row = codec(spec.codec)
    wide, high = fit(spec)
    area = (wide + row.memory.border) * (high + row.memory.border)
    most = row.memory.most.get(spec.preset, max(row.memory.most.values()))
    heavier = av.VideoFormat(spec.pix_fmt).padded_bits_per_pixel / 12
    inside = area * heavier * min(most, row.memory.first + row.memory.each * frames)
    canvas = 3 * picture_bytes(spec.pix_fmt, wide, high)
    return int(row.memory.fixed * MiB + inside + canvas + 2 * frames * _coded_bytes(spec))


def _coded_bytes(spec: EncoderSpec) -> float:
    """A guess at a frame of the result: never more than its samples."""
    quality, samples = codec(spec.codec).quality, picture_bytes(spec.pix_fmt, spec.width, spec.height)
    if quality is None:
        return samples
    finer = 2 ** ((quality.default - spec.crf) / 6)
    return min(samples, spec.width * spec.height * finer / 4)


def picture_bytes(form: str, width: int, height: int) -> int:
    """A picture's planes, as filters see them."""
    layout = yuv_layout(form)
    size = 2 if layout is not None and layout.bits > 8 else 1
    return size * sum(math.prod(shape) for shape in plane_shapes(form, height, width))
