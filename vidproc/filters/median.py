"""Median blur: each sample becomes the middle one of those around it.

Every plane for itself, as FFmpeg's `median` and, with the channels of a colour image, OpenCV's `medianBlur` have it. A
subsampled chroma plane gets a window of the same area on the picture, to the next larger odd number of its own samples;
OpenCV knows only squares, so in 4:2:2 that window is wider and flatter on the picture than that of brightness.

OpenCV takes 16-bit samples up to a kernel of 5. Beyond that a plane is cut into bands of 255 codes, which fit into
bytes: a sample is the sum of what it has in each band, clip(x - base, 0, 255), and since that grows with the sample the
median of the bands is the band of the median. So the medians of the bands add up to the median, exactly. It takes one
8-bit median a band: 4 for a film of 10 bits, 257 at worst for one of 16.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.formats import steps_of
from vidproc.filters.writing import settle

_BAND = 255
_LARGEST_OF_16_BITS = 5


def _side(ksize: int, across: int, down: int) -> int:
    """The side of a window on a plane with one sample in `across` x `down` pixels."""
    return 2 * math.ceil(ksize // 2 / math.sqrt(across * down)) + 1


def _in_bands(source: Array, target: Array, ksize: int) -> None:
    lowest, highest = int(source.min()), int(source.max())
    target.fill(lowest)
    for base in range(lowest, highest, _BAND):
        band = np.clip(source, base, min(base + _BAND, highest)) - base
        target += cv2.medianBlur(band.astype(np.uint8), ksize)


def median(window: tuple[Picture], out: Picture, *, ksize: int) -> Picture:
    """Every plane of the picture, its medians in `out`; 8 and 16 bits alike."""
    (picture,) = window
    for source, target, step in zip(picture.planes, out.planes, steps_of(picture.format), strict=True):
        side = _side(ksize, *step)
        if source.itemsize > 1 and side > _LARGEST_OF_16_BITS:
            _in_bands(source, target, side)
        else:
            settle(cv2.medianBlur(source, side, dst=target), target)
    return out


MEDIAN = Filter(
    name="blur",
    help="Take the middle one of the neighbours: specks vanish, edges stay.",
    formats=("yuv", "gray", "bgr24"),
    apply=median,
    params=(Param("ksize", 5, "width and height of the window, in pixels", low=1, high=255, odd=True),),
    kind="median",
    fields="apart",
)
