"""Sharpening by an unsharp mask: what a blur takes away is added once more. On brightness alone, as colour has no
sharpness that anybody sees, and its noise would grow."""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.levels import bits_of, clip
from vidproc.filters.writing import copy, settle


def _sharpen(luma: Array, target: Array, amount: float, ksize: int, bits: int) -> None:
    blurred = cv2.GaussianBlur(luma, (ksize, ksize), 0)
    settle(cv2.addWeighted(luma, 1 + amount, blurred, -amount, 0, dst=target), target)
    clip(target, bits)


def sharpen(window: tuple[Picture], out: Picture, *, amount: float, ksize: int) -> Picture:
    """The picture, sharper, in `out`. Edges may overshoot black and white, as far as there are codes."""
    (picture,) = window
    _sharpen(picture.planes[0], out.planes[0], amount, ksize, bits_of(picture))
    copy(picture.planes[1:], out.planes[1:])
    return out


FILTER = Filter(
    name="sharpen",
    help="Sharpen the picture.",
    formats=("yuv", "gray"),
    apply=sharpen,
    params=(
        Param("amount", 1.0, "how much", low=0, high=10),
        Param("ksize", 5, "width and height of the blur that is subtracted, in pixels", low=3, high=63, odd=True),
    ),
    fields="apart",
)
