"""Black and white, without gray between.

`otsu` finds the level of each picture that parts its histogram best (N. Otsu, 'A Threshold Selection Method from
Gray-Level Histograms', 1979); `adaptive` compares each pixel with the mean around it.
"""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Apply, Filter, Param, Picture
from vidproc.filters.kinds import Kinds
from vidproc.filters.writing import settle


def fixed(window: tuple[Picture], out: Picture, *, level: int) -> Picture:
    """A gray picture: 255 where a pixel is brighter than the level, 0 elsewhere."""
    return _compared(window, out, level, cv2.THRESH_BINARY)


def otsu(window: tuple[Picture], out: Picture) -> Picture:
    """The same, with the level that suits the picture."""
    return _compared(window, out, 0, cv2.THRESH_BINARY | cv2.THRESH_OTSU)


def adaptive(window: tuple[Picture], out: Picture, *, block: int, offset: float) -> Picture:
    """A gray picture: 255 where a pixel is brighter than the mean around it less the offset, 0 elsewhere."""
    (picture,) = window
    mean, binary = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY
    settle(cv2.adaptiveThreshold(picture.array, 255, mean, binary, block, offset, dst=out.array), out.array)
    return out


def _compared(window: tuple[Picture], out: Picture, level: int, how: int) -> Picture:
    (picture,) = window
    settle(cv2.threshold(picture.array, level, 255, how, dst=out.array)[1], out.array)
    return out


def _kind(word: str, help: str, apply: Apply, *params: Param) -> Filter:
    return Filter("threshold", help, formats=("gray",), apply=apply, params=params, kind=word, fields="apart")


FIXED = _kind(
    "fixed",
    "One level for all pictures.",
    fixed,
    Param("level", 127, "what is brighter than this gray becomes white", low=0, high=255),
)
OTSU = _kind("otsu", "For each picture the level that parts its dark from its bright pixels best.", otsu)
ADAPTIVE = _kind(
    "adaptive",
    "For each pixel the mean around it, so that uneven light does no harm.",
    adaptive,
    Param("block", 11, "width and height of the surroundings, in pixels", low=3, high=255, odd=True),
    Param("offset", 2.0, "how far below their mean the threshold lies", low=-255, high=255),
)

FILTER = Kinds("Make the picture black and white, without gray.", "where the threshold lies", (FIXED, OTSU, ADAPTIVE))
