"""The picture at another size.

The film goes on looking as wide as it did: where the new size has other proportions, the pixels' own change with it, as
FFmpeg's `scale` does it. Chroma planes are scaled like any other, as if its samples lay in the middle of their pixels,
and so are the fields of an interlaced film.
"""

from __future__ import annotations

from dataclasses import replace

import cv2

from vidproc.errors import BadParameterError
from vidproc.filters.contract import Array, Filter, Param, Picture, Shape
from vidproc.filters.formats import LARGEST_SIDE
from vidproc.filters.levels import bits_of, clip
from vidproc.filters.writing import settle

_FINEST_SAR = 4096  # x264 writes no finer ones
_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
_OVERSHOOTING = {cv2.INTER_CUBIC, cv2.INTER_LANCZOS4}


def _size(shape: Shape, width: int, height: int) -> tuple[int, int]:
    """The new (width, height); a side that is left open keeps the proportions, to the nearest even number."""
    if not width and not height:
        return shape.width, shape.height
    return width or _even(shape.width * height, shape.height), height or _even(shape.height * width, shape.width)


def _even(numerator: int, denominator: int) -> int:
    return max(2, 2 * round(numerator / denominator / 2))


def _reshape(shape: Shape, *, width: int, height: int, interpolation: str) -> Shape:
    wide, high = _size(shape, width, height)
    if max(wide, high) > LARGEST_SIDE:
        raise BadParameterError(f"the picture of {shape.width}x{shape.height} would become {wide}x{high}: too large")
    sar = shape.sar * high * shape.width / (wide * shape.height)
    return replace(shape, width=wide, height=high, sar=sar.limit_denominator(_FINEST_SAR))


def _interpolation(name: str, source: Array, target: Array) -> int:
    """`auto`: averages where the picture shrinks, since other ways skip pixels then, else cubic."""
    shrinks = target.shape[0] <= source.shape[0] and target.shape[1] <= source.shape[1]
    return _INTERPOLATIONS[("area" if shrinks else "cubic") if name == "auto" else name]


def resize(window: tuple[Picture], out: Picture, *, width: int, height: int, interpolation: str) -> Picture:
    """The picture at the size of `out`, in it."""
    (picture,) = window
    if (out.width, out.height) == (picture.width, picture.height):
        return picture
    bits = bits_of(picture)
    for source, target in zip(picture.planes, out.planes, strict=True):
        how = _interpolation(interpolation, source, target)
        settle(cv2.resize(source, target.shape[1::-1], dst=target, interpolation=how), target)
        if how in _OVERSHOOTING:
            clip(target, bits)
    return out


FILTER = Filter(
    name="resize",
    help="Scale the picture to another size.",
    formats=("yuv", "gray", "bgr24"),
    apply=resize,
    params=(
        Param("width", 0, "new width in pixels; 0: as the height demands", low=0, high=LARGEST_SIDE),
        Param("height", 0, "new height in pixels; 0: as the width demands", low=0, high=LARGEST_SIDE),
        Param(
            "interpolation",
            "auto",
            "how; auto is area where the picture shrinks, else cubic",
            choices=("auto", *_INTERPOLATIONS),
        ),
    ),
    reshape=_reshape,
    fields="apart",
)
