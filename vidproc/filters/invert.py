"""The negative: black becomes white, each colour its complement."""

from __future__ import annotations

import functools

import cv2

from vidproc.filters.contract import Array, Filter, Picture
from vidproc.filters.levels import bits_of, chroma_table, look_up, luma_table
from vidproc.filters.writing import settle


@functools.cache
def _tables(full: bool, bits: int) -> tuple[Array, Array, Array]:
    """By plane. Y is mirrored between black and white, which is what mirrors R, G and B; chroma about neutral."""
    chroma = chroma_table(-1, bits)
    return luma_table(lambda brightness: 1 - brightness, full, bits), chroma, chroma


def invert(window: tuple[Picture], out: Picture, *, full_range: bool) -> Picture:
    """The picture's negative, in `out`."""
    (picture,) = window
    if len(picture.planes) == 1:
        settle(cv2.bitwise_not(picture.array, dst=out.array), out.array)
        return out
    for source, codes, target in zip(picture.planes, _tables(full_range, bits_of(picture)), out.planes, strict=True):
        look_up(source, codes, target)
    return out


FILTER = Filter(
    name="invert",
    help="Turn the picture into its negative.",
    formats=("yuv", "gray", "bgr24"),
    apply=invert,
    wants=("full_range",),
)
