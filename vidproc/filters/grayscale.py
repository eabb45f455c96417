"""The picture without its colours."""

from __future__ import annotations

import numpy as np

from vidproc.filters.contract import Filter, Picture
from vidproc.filters.formats import yuv_layout


def grayscale(window: tuple[Picture], out: Picture) -> Picture:
    """Y as it is, at any depth and range, and neutral chroma."""
    (picture,) = window
    layout = yuv_layout(picture.format)
    if layout is None:
        return picture
    luma, *chroma = out.planes
    np.copyto(luma, picture.planes[0])
    for plane in chroma:
        plane.fill(layout.neutral)
    return out


FILTER = Filter(
    name="grayscale",
    help="Take the colours away.",
    formats=("yuv", "gray"),
    apply=grayscale,
)
