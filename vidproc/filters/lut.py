"""Colours by a table from a file, as graders make them.

What a colour becomes depends on it alone, and there are 2^24 colours of 8 bits: so each is worked out when it is first
seen, and looked up from then on. A film's first frames have most of its colours; after them a frame costs one look into
a table of 64 MiB for each pixel.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.cube import CUBE, Cube
from vidproc.filters.writing import settle

_COLOURS = 1 << 24
_AT_ONCE = 1 << 16
"""Colours; more would need more memory and be no faster."""


class _Table:
    """The colours that were seen so far, by their three bytes, and what they become; 0 where none was seen."""

    def __init__(self, cube: Cube, strength: float) -> None:
        self._cube = cube
        self._strength = strength
        self._known = np.zeros(_COLOURS, "<u4")

    def look_up(self, bgr: Array, target: Array) -> None:
        """Both height x width x 3, uint8."""
        keys = cv2.cvtColor(bgr, cv2.COLOR_BGR2BGRA).view("<u4")[..., 0] & (_COLOURS - 1)
        found = self._known.take(keys)
        if not found.all():
            self._learn(keys[found == 0])
            found = self._known.take(keys)
        pixels = found.view(np.uint8).reshape(*found.shape, 4)
        settle(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR, dst=target), target)

    def _learn(self, keys: NDArray[np.uint32]) -> None:
        new = np.zeros(_COLOURS, bool)
        new[keys] = True
        distinct = np.flatnonzero(new)
        for first in range(0, len(distinct), _AT_ONCE):
            some = distinct[first : first + _AT_ONCE]
            self._known[some] = self._graded(some)

    def _graded(self, keys: NDArray[np.intp]) -> NDArray[np.uint32]:
        """With the highest byte set, so that black is not taken for unknown."""
        blue, green, red = keys & 255, keys >> 8 & 255, keys >> 16
        before = np.column_stack([red, green, blue]) / 255
        after = before + (np.clip(self._cube.of(before), 0, 1) - before) * self._strength
        codes = np.rint(after * 255).astype("<u4")
        graded: NDArray[np.uint32] = codes[:, 2] | codes[:, 1] << 8 | codes[:, 0] << 16 | 255 << 24
        return graded


_table = functools.lru_cache(maxsize=2)(_Table)


def lut(window: tuple[Picture], out: Picture, *, file: Cube, strength: float) -> Picture:
    """The picture in the table's colours, in `out`."""
    (picture,) = window
    _table(file, strength).look_up(picture.array, out.array)
    return out


FILTER = Filter(
    name="lut",
    help="Grade the colours by a 3D or 1D table from a .cube file, made for full-range RGB.",
    formats=("bgr24",),
    apply=lut,
    params=(
        Param("file", "", "the table", file=CUBE),
        Param("strength", 1.0, "how far colours go from what they were to what the table says", low=0, high=1),
    ),
    scratch=40,
)
