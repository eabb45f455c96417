"""Blur: the kinds there are, and the Gaussian one.

The kernel is OpenCV's: from `ksize` alone (sigma 0) it is the binomial one up to 7 and sigma = 0.15 * ksize + 0.35
above. A subsampled chroma plane gets the same blur in its own, larger pixels: half the sigma along an axis that holds
half the samples. So blurring the planes of a `yuv420p` looks like blurring its pixels in RGB, at a third of the cost.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from vidproc.filters.bilateral import BILATERAL
from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.formats import steps_of
from vidproc.filters.kinds import Kinds
from vidproc.filters.median import MEDIAN
from vidproc.filters.writing import settle


@functools.cache
def _spread(ksize: int, sigma: float) -> float:
    """The standard deviation in pixels of OpenCV's kernel of this size."""
    weights = cv2.getGaussianKernel(ksize, sigma)[:, 0]
    offsets = np.arange(ksize) - ksize // 2
    return float(np.sqrt((weights * offsets**2).sum()))


def _along(ksize: int, sigma: float, step: int) -> tuple[int, float]:
    """(ksize, sigma) of the same blur along an axis with one sample in `step`."""
    if step == 1 or ksize == 1:
        return ksize, sigma
    return 2 * -(-(ksize // 2) // step) + 1, _spread(ksize, sigma) / step


def _blur_plane(source: Array, target: Array, ksize: int, sigma: float, step: tuple[int, int]) -> None:
    (wide, sigma_x), (high, sigma_y) = (_along(ksize, sigma, s) for s in step)
    if wide == high == 1:
        np.copyto(target, source)
    else:
        settle(cv2.GaussianBlur(source, (wide, high), sigmaX=sigma_x, dst=target, sigmaY=sigma_y), target)


def blur(window: tuple[Picture], out: Picture, *, ksize: int, sigma: float) -> Picture:
    """Every plane of the picture, blurred into `out`; 8 and 16 bits alike."""
    (picture,) = window
    for source, target, step in zip(picture.planes, out.planes, steps_of(picture.format), strict=True):
        _blur_plane(source, target, ksize, sigma, step)
    return out


GAUSSIAN = Filter(
    name="blur",
    help="Average the neighbours, the nearest counting most: soft everywhere.",
    formats=("yuv", "gray", "bgr24"),
    apply=blur,
    params=(
        Param("ksize", 15, "width and height of the kernel, in pixels", low=1, high=255, odd=True),
        Param("sigma", 0.0, "standard deviation of the kernel, in pixels; 0 derives it from ksize", low=0, high=100),
    ),
    kind="gaussian",
    fields="apart",
    scratch=6,
)

FILTER = Kinds("Blur the picture.", "how to blur", (GAUSSIAN, MEDIAN, BILATERAL))
