"""Progressive frames of interlaced ones: the field that was taken first is kept, the other's rows are made anew.

The algorithm is that of yadif ("yet another deinterlacing filter", Michael Niedermayer, 2006; the filter of that name
in FFmpeg and MPlayer), one frame out for one frame in, and gives the same samples. One that is missing lies between a
kept one above and one below. It is guessed in space: their mean, along the one of five directions in which the rows
are most alike there. It is guessed in time: the mean of the field before and the one after, which both have a sample at
its place. The guess in space may lie no further from the one in time than the picture changes in time, or bends from
row to row; so what stands still keeps all its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vidproc.filters.contract import PROGRESSIVE, Array, Filter, Param, Picture, Shape
from vidproc.filters.fields import is_interlaced
from vidproc.filters.levels import bits_of

_SIDE = 3
"""Columns at each side for which no direction but straight down is tried."""

_BAND = 32
"""Rows that are made at once, so that what lies between the steps stays in the processor's cache."""


def _reshape(shape: Shape, *, parity: str, frames: str) -> Shape:
    return replace(shape, field_order=PROGRESSIVE)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one plane in three frames, as numbers that have room for a sum of three and a sign.

    Beyond the picture's top and bottom lies the row that is as far within.
    """

    before: Array
    now: Array
    after: Array
    wanted: Array
    kind: type[np.int16] | type[np.int32]

    def of(self, plane: Array, below: int) -> Array:
        """The rows so far below the wanted ones."""
        last = len(plane) - 1
        rows = last - np.abs(last - np.abs(self.wanted + below))
        found: Array = plane[np.clip(rows, 0, last)].astype(self.kind)
        return found


def _in_space(above: Array, below: Array) -> Array:
    """The mean of the two rows, along the direction in which they are most alike."""
    guess, least = (above + below) >> 1, _unlike(above, below, 0) - 1
    inner = guess[:, _SIDE:-_SIDE]
    for side in (-1, 1):
        better = np.ones(inner.shape, bool)
        for slant in (side, 2 * side):  # the steeper one only where the other was better already
            unlike = _unlike(above, below, slant)
            better &= unlike < least
            np.copyto(least, unlike, where=better)
            np.copyto(inner, (_inner(above, slant) + _inner(below, -slant)) >> 1, where=better)
    return guess


def _inner(rows: Array, right: int, margin: int = 0) -> Array:
    """What lies so many columns to the right of each but those at the sides; `margin` more columns to both sides."""
    begin = _SIDE - margin + right
    return rows[:, begin : begin + rows.shape[1] - 2 * (_SIDE - margin)]


def _unlike(above: Array, below: Array, slant: int) -> Array:
    """How much three samples above differ from the three below that lie opposite to them."""
    differences: Array = cv2.absdiff(_inner(above, slant, 1), _inner(below, -slant, 1))
    total: Array = differences[:, :-2] + differences[:, 1:-1] + differences[:, 2:]
    return total


def _change(rows: _Rows, above: Array, below: Array, held: tuple[Array, Array]) -> Array:
    """How much the picture changes around each sample from one moment to the next."""
    most: Array = np.right_shift(cv2.absdiff(*held), 1)
    for frame in (rows.before, rows.after):
        change: Array = cv2.absdiff(rows.of(frame, -1), above) + cv2.absdiff(rows.of(frame, 1), below)
        most = cv2.max(most, change >> 1)
    return most


def _bend(rows: _Rows, above: Array, below: Array, in_time: Array) -> Array:
    """How far the guess in time sticks out of its column, beyond what the rows next to its neighbours do."""
    up = ((rows.of(rows.before, -2) + rows.of(rows.now, -2)) >> 1) - above
    down = ((rows.of(rows.before, 2) + rows.of(rows.now, 2)) >> 1) - below
    over, under = in_time - below, in_time - above
    highest = cv2.max(cv2.max(over, under), cv2.min(up, down))
    lowest = cv2.min(cv2.min(over, under), cv2.max(up, down))
    bend: Array = cv2.max(lowest, np.negative(highest))
    ends = (rows.wanted == 1) | (rows.wanted == len(rows.now) - 2)  # where one of the outer rows is none
    bend[ends] = 0
    return bend


def _made(rows: _Rows) -> Array:
    above, below = rows.of(rows.now, -1), rows.of(rows.now, 1)
    held = rows.of(rows.before, 0), rows.of(rows.now, 0)
    in_time = (held[0] + held[1]) >> 1
    reach = cv2.max(_change(rows, above, below, held), _bend(rows, above, below, in_time))
    in_space = _in_space(above, below) if above.shape[1] > 2 * _SIDE else (above + below) >> 1
    return cv2.min(cv2.max(in_space, in_time - reach), in_time + reach)


def _bands(height: int, parity: int) -> Iterator[Array]:
    """The rows of one field, some at a time; none of a picture that has no other."""
    rows = np.arange(parity, height if height > 1 else 0, 2)
    for begin in range(0, len(rows), _BAND):
        yield rows[begin : begin + _BAND]


def deinterlace(
    window: tuple[Picture | None, Picture, Picture | None], out: Picture, *, parity: str, frames: str
) -> Picture:
    """The moment of its first field, at full height, in `out`."""
    before, now, after = window
    if frames == "interlaced" and not is_interlaced(now):
        return now
    bottom_stays = parity == "bottom" or (parity == "auto" and now.field_order == "bb")
    kind = np.int16 if bits_of(now) <= 12 else np.int32
    planes = zip((before or now).planes, now.planes, (after or now).planes, out.planes, strict=True)
    for earlier, here, later, target in planes:
        np.copyto(target, here)
        for rows in _bands(len(here), 0 if bottom_stays else 1):
            target[rows] = _made(_Rows(earlier, here, later, rows, kind))
    return out


FILTER = Filter(
    name="deinterlace",
    help="Make progressive frames of interlaced ones, as many as there are, by the method of yadif.",
    formats=("yuv", "gray"),
    apply=deinterlace,
    params=(
        Param(
            "parity", "auto", "the field that was taken first, and stays as it is", choices=("auto", "top", "bottom")
        ),
        Param("frames", "all", "which: all, or those that the film says are interlaced", choices=("all", "interlaced")),
    ),
    window=(-1, 1),
    reshape=_reshape,
)
