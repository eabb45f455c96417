"""Contrast brought out by histogram equalisation: CLAHE (K. Zuiderveld, 'Contrast Limited Adaptive Histogram
Equalization', 1994) on brightness alone.

OpenCV's works on the full range, so Y of limited range is stretched before and squeezed after. Deep samples are
stretched to 16 bits, but their histograms have 256 bins too: with finer ones the same limit lets through another
contrast, above all for what was 8 bits once and has gaps between its codes. So the levels that come out are not many
more than those of 8 bits.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.formats import code_range
from vidproc.filters.levels import bits_of, look_up
from vidproc.filters.writing import copy, settle

_BITS_BELOW_A_BIN = 8


@functools.cache
def _stretching(full: bool, bits: int) -> tuple[Array, Array]:
    """Tables from codes to the full range of their type, and back."""
    kind = np.uint8 if bits == 8 else np.uint16
    top = np.iinfo(kind).max
    black, luma, _ = code_range(full, bits)
    levels = np.arange(top + 1)
    there = np.clip((levels - black) / luma, 0, 1) * top
    back = levels / top * luma + black
    return np.rint(there).astype(kind), np.rint(back).astype(kind)


@functools.lru_cache(maxsize=8)
def _clahe(clip: float, tiles: int, bits: int) -> cv2.CLAHE:
    made = cv2.createCLAHE(clip, (tiles, tiles))
    if bits > 8:
        made.setBitShift(_BITS_BELOW_A_BIN)
    return made


def _equalized(luma: Array, target: Array, clahe: cv2.CLAHE, full: bool, bits: int) -> None:
    if full and bits in (8, 16):
        settle(clahe.apply(luma, target), target)
        return
    there, back = _stretching(full, bits)
    look_up(clahe.apply(cv2.LUT(luma, there)), back, target)


def equalize(window: tuple[Picture], out: Picture, *, clip: float, tiles: int, full_range: bool) -> Picture:
    """The picture with equalised brightness and its own colours, in `out`."""
    (picture,) = window
    bits = bits_of(picture)
    _equalized(picture.planes[0], out.planes[0], _clahe(clip, tiles, bits), full_range, bits)
    copy(picture.planes[1:], out.planes[1:])
    return out


FILTER = Filter(
    name="equalize",
    help="Bring out contrast everywhere, by histogram equalisation in tiles (CLAHE).",
    formats=("yuv", "gray"),
    apply=equalize,
    params=(
        Param("clip", 2.0, "limit of the contrast; 0 for none", low=0, high=255),
        Param("tiles", 8, "the picture is equalised in so many tiles across and down", low=1, high=64),
    ),
    wants=("full_range",),
    fields="apart",
)
