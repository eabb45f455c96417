"""Changing each sample by itself, with one look into a table.

A curve is a function on brightness, 0 for black and 1 for white. On Y planes of limited range it runs between the codes
of black and white, so that one curve means the same in every format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import code_range, yuv_layout
from vidproc.filters.writing import settle

Brightness = NDArray[np.float64]
Curve = Callable[[Brightness], Brightness]


def bits_of(picture: Picture) -> int:
    """How many bits of a sample are used."""
    layout = yuv_layout(picture.format)
    return layout.bits if layout else 8


def luma_table(curve: Curve, full: bool, bits: int) -> Array:
    """The code of the curve's value, for every code. What lies beyond black and white is left to the curve."""
    black, luma, _ = code_range(full, bits)
    return table(curve((_codes(bits) - black) / luma) * luma + black, bits)


def chroma_table(saturation: float, bits: int) -> Array:
    """Codes as far from neutral as before, times `saturation`."""
    neutral = 1 << (bits - 1)
    return table((_codes(bits) - neutral) * saturation + neutral, bits)


def table(values: NDArray[Any], bits: int) -> Array:
    """Values by code as a table of codes, rounded and clipped."""
    codes: Array = np.clip(np.rint(values), 0, (1 << bits) - 1).astype(np.uint8 if bits == 8 else np.uint16)
    return codes


def _codes(bits: int) -> NDArray[np.int64]:
    """OpenCV wants a table of 65536 for uint16; a sample above its format's highest code counts as that."""
    return np.minimum(np.arange(256 if bits == 8 else 65536), (1 << bits) - 1)


def look_up(source: Array, codes: Array, target: Array) -> None:
    """Write into `target` what a table has for each sample of `source`."""
    settle(cv2.LUT(source, codes, dst=target), target)


def clip(plane: Array, bits: int) -> None:
    """Bring samples back that went above the highest code: OpenCV stops at 255 and 65535 only."""
    if 8 < bits < 16:
        settle(cv2.threshold(plane, (1 << bits) - 1, 0, cv2.THRESH_TRUNC, dst=plane)[1], plane)
