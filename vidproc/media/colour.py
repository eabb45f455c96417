"""From YUV codes to RGB and back, as matrices.

A YUV standard is three weights for brightness: Y = kr R + kg G + kb B, with kr + kg + kb = 1; U and V are B - Y and
R - Y scaled to [-1/2, 1/2] (ITU-R BT.601-7, BT.709-6, BT.2020-2; the weights by number in ITU-T H.273, table 4).
Codes of `bits` bits are either full range, 0 to 2^bits - 1, or limited: Y from 16 to 235 and chroma from 16 to 240,
times 2^(bits-8).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidproc.filters.formats import code_range
from vidproc.model import Colour

FULL = 2
"""FFmpeg's AVCOL_RANGE_JPEG."""

BT709 = 1
BT601 = 6
BT2020 = 9

# (kr, kb) by FFmpeg's AVColorSpace, which is H.273's MatrixCoefficients. The constant-luminance variant of BT.2020
# (10) is not linear; its weights on gamma-coded values are the customary approximation.
_WEIGHTS = {
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    BT601: (0.299, 0.114),
    7: (0.212, 0.087),
    BT2020: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}

Matrix = NDArray[np.float64]


def matrix_of(colour: Colour, width: int, height: int) -> int:
    """The standard by number. One that is not said, or that is not YUV's, is guessed by size as players do.

    The guess is that of libplacebo and mpv (`pl_color_system_guess_ycbcr`): BT.709 from 1280 wide or above 576 high,
    BT.601 below. FFmpeg's own scaler would take BT.601 for all.
    """
    if colour.matrix in _WEIGHTS:
        return colour.matrix
    return BT709 if width >= 1280 or height > 576 else BT601


def is_full(colour: Colour) -> bool:
    """Whether codes use the full range. A range that is not said is limited."""
    return colour.range == FULL


def bgr_to_yuv(matrix: int, full: bool, bits: int) -> Matrix:
    """3x4: codes (Y, U, V) of `bits` bits = M @ (B, G, R, 1), where B, G, R are 0 to 255."""
    kr, kb = _WEIGHTS[matrix]
    y = np.array([kb, 1 - kr - kb, kr])
    u = (np.array([1.0, 0.0, 0.0]) - y) / (2 * (1 - kb))
    v = (np.array([0.0, 0.0, 1.0]) - y) / (2 * (1 - kr))
    black, luma, chroma = code_range(full, bits)
    scaled = np.stack([y * luma, u * chroma, v * chroma]) / 255
    return np.column_stack([scaled, [black, 1 << (bits - 1), 1 << (bits - 1)]])


def yuv_to_bgr(matrix: int, full: bool, bits: int) -> Matrix:
    """3x4: (B, G, R) from 0 to 255 = M @ (Y, U, V, 1) for codes of `bits` bits."""
    forth = bgr_to_yuv(matrix, full, bits)
    back = np.linalg.inv(forth[:, :3])
    return np.column_stack([back, -back @ forth[:, 3]])


def luma_to_gray(full: bool, bits: int) -> NDArray[np.uint8]:
    """Table: the full-range gray, 0 to 255, of each luma code. Codes beyond black and white are clipped."""
    black, luma, _ = code_range(full, bits)
    codes = np.arange(1 << bits)
    table: NDArray[np.uint8] = np.clip(np.rint((codes - black) * (255 / luma)), 0, 255).astype(np.uint8)
    return table


def gray_to_luma(full: bool, bits: int) -> NDArray[Any]:
    """Table: the luma code of each full-range gray, 0 to 255; uint8, or uint16 for more bits."""
    black, luma, _ = code_range(full, bits)
    table: NDArray[Any] = np.rint(np.arange(256) * (luma / 255) + black).astype(np.uint8 if bits == 8 else np.uint16)
    return table
