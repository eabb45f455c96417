"""A part of the picture."""

from __future__ import annotations

from dataclasses import replace

from vidproc.errors import BadParameterError
from vidproc.filters.contract import Array, Filter, Param, Picture, Shape
from vidproc.filters.formats import LARGEST_SIDE, steps_of


def _span(length: int, wanted: int, at: int) -> tuple[int, int]:
    """(begin, length) along one axis of the picture; `at` -1 is in the middle, `wanted` 0 as far as there is."""
    size = wanted or length - max(at, 0)
    return (at if at >= 0 else max(length - size, 0) // 2), size


def _reshape(shape: Shape, *, width: int, height: int, x: int, y: int) -> Shape:
    left, wide = _span(shape.width, width, x)
    top, high = _span(shape.height, height, y)
    if wide < 1 or high < 1 or left + wide > shape.width or top + high > shape.height:
        part = f"width {width}, height {height}, x {x}, y {y}"
        raise BadParameterError(f"{part} does not lie within the picture of {shape.width}x{shape.height}")
    return replace(shape, width=wide, height=high)


def crop(window: tuple[Picture], out: Picture, *, width: int, height: int, x: int, y: int, interlaced: bool) -> Picture:
    """That part as views of the picture: nothing is copied. Each field stays the one it is."""
    (picture,) = window
    left, _ = _span(picture.width, width, x)
    top, _ = _span(picture.height, height, y)
    steps = steps_of(picture.format)
    across, down = steps[-1]
    corner = left - left % across, top - top % (2 * down if interlaced else down)
    parts = zip(picture.planes, out.planes, steps, strict=True)
    return Picture(picture.format, tuple(_part(plane, room.shape, corner, step) for plane, room, step in parts))


def _part(plane: Array, shape: tuple[int, ...], corner: tuple[int, int], step: tuple[int, int]) -> Array:
    left, top = corner[0] // step[0], corner[1] // step[1]
    return plane[top : top + shape[0], left : left + shape[1]]


_AT = "so many pixels from the {}, rounded down to where a sample of (the field's) colour begins; -1: the middle part"

FILTER = Filter(
    name="crop",
    help="Keep a part of the picture.",
    formats=("yuv", "gray", "bgr24"),
    apply=crop,
    params=(
        Param("width", 0, "width of the part in pixels; 0: up to the right edge", low=0, high=LARGEST_SIDE),
        Param("height", 0, "height of the part in pixels; 0: down to the bottom", low=0, high=LARGEST_SIDE),
        Param("x", -1, _AT.format("left"), low=-1, high=LARGEST_SIDE),
        Param("y", -1, _AT.format("top"), low=-1, high=LARGEST_SIDE),
    ),
    reshape=_reshape,
    wants=("interlaced",),
)
