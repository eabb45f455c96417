"""The picture in a mirror."""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.writing import settle

_CODES = {"horizontal": 1, "vertical": 0, "both": -1}


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
)
