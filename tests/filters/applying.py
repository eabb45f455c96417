"""Running one filter on one picture, as the pipeline does."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.filters.pictures import bits_of, room_like
from vidproc import filters
from vidproc.filters.contract import Picture, Shape
from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.model import ParamValue

FORMATS = ("yuv420p", "yuvj420p", "yuv422p10le", "gray", "bgr24")
YUV = ("yuv420p", "yuvj420p", "yuv422p10le", "yuv444p16le")


def is_full(name: str) -> bool:
    """Of a film that says nothing of its range."""
    layout = yuv_layout(name)
    return layout is None or layout.full_range


def applied(name: str, picture: Picture, rank: int = 0, **params: ParamValue) -> Picture:
    """What the filter makes of the picture, which is not to be written into. Frames beside it don't exist."""
    filter_ = filters.get(name)
    resolved = filter_.resolve(params)
    for plane in picture.planes:
        plane.flags.writeable = False
    shape = filter_.shape_after(Shape(picture.width, picture.height), resolved)
    before, after = filter_.window
    window = (*[None] * -before, picture, *[None] * after)
    known: dict[str, Any] = {"rank": rank, "full_range": is_full(picture.format)}
    wanted = {key: known[key] for key in filter_.wants}
    result: Picture = filter_.apply(window, room(picture.format, shape.width, shape.height), **resolved, **wanted)
    assert (result.width, result.height) == (shape.width, shape.height)
    return result


def room(name: str, width: int, height: int) -> Picture:
    kind = np.uint8 if bits_of(name) == 8 else np.uint16
    shapes = plane_shapes(name, height, width)
    return room_like(Picture(name, tuple(np.zeros(shape, kind) for shape in shapes)))


def same(one: Picture, other: Picture) -> bool:
    return one.format == other.format and all(
        np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True)
    )
