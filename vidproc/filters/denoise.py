"""Taking noise out of the picture, each plane by itself.

`wiener` is Lee's adaptive Wiener filter (J.-S. Lee, 'Digital Image Enhancement and Noise Filtering by Use of Local
Statistics', 1980): what varies around a pixel no more than the noise does becomes its mean, and what varies more is
kept in proportion; ten milliseconds for a frame of 1080p. `nlmeans`, non-local means (A. Buades et al., 2005) in
OpenCV's version, averages over places that look alike; it keeps more texture, and takes hundreds of times as long.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.kinds import Kinds
from vidproc.filters.levels import bits_of
from vidproc.filters.writing import settle

Way = Callable[[Array, Array, float], None]
"""From a plane into another of its kind, with the noise's standard deviation in codes."""

_SIZE = 5
_PATCH, _SEARCH = 7, 21


def _wiener(source: Array, target: Array, noise: float) -> None:
    """mean + (1 - noise^2 / variance) * (source - mean), in 32-bit floats."""
    mean = cv2.boxFilter(source, cv2.CV_32F, (_SIZE, _SIZE))
    squares = cv2.sqrBoxFilter(source, cv2.CV_32F, (_SIZE, _SIZE))
    variance = cv2.subtract(squares, cv2.multiply(mean, mean), dst=squares)
    np.maximum(variance, noise * noise, out=variance)
    of_noise = cv2.divide(noise * noise, variance, dst=variance)
    change = cv2.multiply(cv2.subtract(mean, source, dst=mean, dtype=cv2.CV_32F), of_noise, dst=mean)
    settle(cv2.add(source, change, dst=target, dtype=cv2.CV_8U if target.itemsize == 1 else cv2.CV_16U), target)


def _nlmeans(source: Array, target: Array, noise: float) -> None:
    """OpenCV measures how alike patches are by squares in 8 bits, and has only absolute differences for 16."""
    norm = cv2.NORM_L2 if source.itemsize == 1 else cv2.NORM_L1
    found = cv2.fastNlMeansDenoising(
        source, h=[noise], dst=target, templateWindowSize=_PATCH, searchWindowSize=_SEARCH, normType=norm
    )
    settle(found, target)


def _each_plane(way: Way, window: tuple[Picture], out: Picture, *, strength: float) -> Picture:
    """The picture with less noise, in `out`."""
    (picture,) = window
    noise = strength * (1 << (bits_of(picture) - 8))
    for source, target in zip(picture.planes, out.planes, strict=True):
        way(source, target, noise)
    return out


def _kind(word: str, help: str, way: Way) -> Filter:
    return Filter(
        name="denoise",
        help=help,
        formats=("yuv", "gray"),
        apply=functools.partial(_each_plane, way),
        params=(Param("strength", 5.0, "standard deviation of the noise, in levels of 8 bits", low=0.1, high=100),),
        kind=word,
        fields="apart",
    )


WIENER = _kind("wiener", "Keep what varies more than the noise does: quick.", _wiener)
NLMEANS = _kind("nlmeans", "Average over places that look alike: keeps more, hundreds of times slower.", _nlmeans)

FILTER = Kinds("Take noise out of the picture.", "how to tell it from the picture", (WIENER, NLMEANS))
