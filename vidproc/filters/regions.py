"""Parts of a picture: marking them, and making them unrecognisable. All of it in place, on planes of any format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import code_range, steps_of, yuv_layout

COLORS = {
    "green": (0, 255, 0),
    "red": (255, 0, 0),
    "yellow": (255, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
"""Red, green and blue by name, 0 to 255."""


class Region(NamedTuple):
    """A rectangle of whole pixels, half-open: [left, right) and [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int


def codes_of(color: str, format: str, full_range: bool) -> tuple[Array, ...]:
    """What to write into each plane for one of `COLORS`.

    By BT.601's matrix whatever the film's own is, which nobody sees in an outline.
    """
    red, green, blue = COLORS[color]
    if format == "bgr24":
        return (np.array((blue, green, red)),)
    layout = yuv_layout(format)
    luma = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    black, height, reach = code_range(full_range, layout.bits if layout else 8)
    bright = np.array(round(black + luma * height))
    if layout is None:
        return (bright,)
    differences = ((blue / 255 - luma) / 1.772, (red / 255 - luma) / 1.402)
    top = (1 << layout.bits) - 1
    return bright, *(np.array(min(round(layout.neutral + share * reach), top)) for share in differences)


def outline(picture: Picture, region: Region, thickness: int, codes: tuple[Array, ...]) -> None:
    """Draw its edges, `thickness` pixels inwards; `codes` is what `codes_of` gives."""
    left, top, right, bottom = region
    bands = (
        Region(left, top, right, min(top + thickness, bottom)),
        Region(left, max(bottom - thickness, top), right, bottom),
        Region(left, top, min(left + thickness, right), bottom),
        Region(max(right - thickness, left), top, right, bottom),
    )
    for band in bands:
        for (part, _), code in zip(_parts(picture, band), codes, strict=False):
            part[:] = code


def pixelate(picture: Picture, region: Region, cell: float) -> None:
    """Put squares of one colour, about `cell` pixels wide, in place of it."""
    for part, (across, down) in _parts(picture, region):
        high, wide = part.shape[:2]
        grid = _cells(wide, across / cell), _cells(high, down / cell)
        coarse = cv2.resize(part, grid, interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_NEAREST)


def soften(picture: Picture, region: Region, sigma: float) -> None:
    """Blur it by about a Gaussian of this standard deviation in pixels, from nothing but what it holds itself.

    Three means over a window, which take as long whatever its size is (Wells, "Efficient Synthesis of Gaussian Filters
    by Cascaded Uniform Filters", 1986).
    """
    for part, (across, down) in _parts(picture, region):
        for _ in range(3):
            part[:] = cv2.blur(part, (_odd(2 * sigma / across), _odd(2 * sigma / down)))


def _parts(picture: Picture, region: Region) -> Iterator[tuple[Array, tuple[int, int]]]:
    """Views of the planes where it can be seen, and their steps; samples of chroma that it touches belong to it."""
    seen = _visible(region, picture)
    if seen is None:
        return
    left, top, right, bottom = seen
    for plane, (across, down) in zip(picture.planes, steps_of(picture.format), strict=True):
        yield plane[top // down : -(-bottom // down), left // across : -(-right // across)], (across, down)


def _visible(region: Region, picture: Picture) -> Region | None:
    """What of it lies in the picture, None if that is nothing."""
    left, top = max(region.left, 0), max(region.top, 0)
    right, bottom = min(region.right, picture.width), min(region.bottom, picture.height)
    return Region(left, top, right, bottom) if left < right and top < bottom else None


def _cells(samples: int, cells_a_sample: float) -> int:
    return min(max(1, round(samples * cells_a_sample)), samples)


def _odd(length: float) -> int:
    return 2 * round(length / 2) + 1
