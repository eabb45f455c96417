"""What a stage hands on comes out as it went in, whatever its format."""

from __future__ import annotations

import numpy as np
import pytest

from vidproc.filters.contract import Picture
from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.media.decode import Decoder
from vidproc.media.intermediate import IntermediateEncoder, field_orders, picture_of
from vidproc.media.output_codecs import FFV1, MJPEG

pytestmark = pytest.mark.media

FORMATS = (*FFV1.pix_fmts, *MJPEG.pix_fmts, "gray", "bgr24")


def picture(format: str, width: int, height: int, seed: int) -> Picture:
    layout, random = yuv_layout(format), np.random.default_rng(seed)
    bits = layout.bits if layout else 8
    dtype = np.uint8 if bits == 8 else np.uint16
    shapes = plane_shapes(format, height, width)
    planes = tuple(random.integers(0, 1 << bits, shape, dtype) for shape in shapes)
    return Picture(format, planes, field_order=("progressive", "tt", "bb")[seed % 3])


@pytest.mark.parametrize("size", [(64, 48), (37, 21)])
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_comes_back_to_the_bit(format: str, size: tuple[int, int]) -> None:
    given = [picture(format, *size, seed) for seed in range(3)]
    encoder = IntermediateEncoder(format, *size)
    for rank, each in enumerate(given, 7):
        encoder.encode(rank, each)
    frames = list(Decoder(encoder.stream).frames(encoder.records(), 7, 10))
    assert [rank for rank, _ in frames] == [7, 8, 9]
    assert field_orders(encoder.records()) == {7: "progressive", 8: "tt", 9: "bb"}
    for before, (_, frame) in zip(given, frames, strict=True):
        after = picture_of(frame, format, *size)
        assert after.format == format
        assert all(np.array_equal(one, other) for one, other in zip(before.planes, after.planes, strict=True))


def test_runs_of_several_chunks_are_one_run() -> None:
    given = [picture("yuv420p", 64, 48, seed) for seed in range(4)]
    records = b""
    for start in (0, 2):
        encoder = IntermediateEncoder("yuv420p", 64, 48)
        for rank in (start, start + 1):
            encoder.encode(rank, given[rank])
        records += encoder.records()
    frames = dict(Decoder(encoder.stream).frames(records, 1, 4))
    luma = [picture_of(frames[rank], "yuv420p", 64, 48).planes[0] for rank in (1, 2, 3)]
    assert all(np.array_equal(one, other.planes[0]) for one, other in zip(luma, given[1:], strict=True))
