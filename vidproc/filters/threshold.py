"""Black and white, without gray between.

`otsu` finds the level of each picture that parts its histogram best (N. Otsu, 'A Threshold Selection Method from
Gray-Level Histograms', 1979); `adaptive` compares each pixel with the mean around it.
"""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.writing import settle


def _compared(gray: Array, target: Array, kind: str, level: int, block: int, offset: float) -> Array:
    if kind == "adaptive":
        mean, binary = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
        return cv2.adaptiveThreshold(gray, 255, mean, binary, block, offset, dst=target)
    how = cv2.THRESH_BINARY | (cv2.THRESH_OTSU if kind == "otsu" else 0)
    return cv2.threshold(gray, level, 255, how, dst=target)[1]


def threshold(window: tuple[Picture], out: Picture, *, kind: str, level: int, block: int, offset: float) -> Picture:
    """A gray picture: 255 where a pixel is brighter than its threshold, 0 elsewhere."""
    (picture,) = window
    settle(_compared(picture.array, out.array, kind, level, block, offset), out.array)
    return out


FILTER = Filter(
    name="threshold",
    help="Make the picture black and white, without gray.",
    formats=("gray",),
    apply=threshold,
    params=(
        Param("kind", "fixed", "where the threshold comes from", choices=("fixed", "otsu", "adaptive")),
        Param("level", 127, "fixed: what is brighter than this gray becomes white", low=0, high=255),
        Param("block", 11, "adaptive: width and height of the surroundings, in pixels", low=3, high=255, odd=True),
        Param("offset", 2.0, "adaptive: how far below their mean the threshold lies", low=-255, high=255),
    ),
    fields="apart",
)
