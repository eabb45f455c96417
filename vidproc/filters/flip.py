"""The picture in a mirror."""

from __future__ import annotations

from dataclasses import replace

import cv2

from vidproc.filters.contract import OTHER_ORDER, Filter, Param, Picture, Shape
from vidproc.filters.writing import settle

_CODES = {"horizontal": 1, "vertical": 0, "both": -1}


def _reshape(shape: Shape, *, direction: str) -> Shape:
    """An even number of rows upside down begins with one of the other field."""
    if direction == "horizontal" or shape.height % 2:
        return shape
    return replace(shape, field_order=OTHER_ORDER[shape.field_order])


def flip(window: tuple[Picture], out: Picture, *, direction: str) -> Picture:
    """The picture, mirrored, in `out`."""
    (picture,) = window
    for source, target in zip(picture.planes, out.planes, strict=True):
        settle(cv2.flip(source, _CODES[direction], dst=target), target)
    return out


FILTER = Filter(
    name="flip",
    help="Mirror the picture.",
    formats=("yuv", "gray", "bgr24"),
    apply=flip,
    params=(
        Param("direction", "horizontal", "left and right change places, or top and bottom", choices=tuple(_CODES)),
    ),
    reshape=_reshape,
)
