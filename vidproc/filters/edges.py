"""Edges, white on black.

Canny's detector (J. Canny, 'A Computational Approach to Edge Detection', 1986) draws lines. The other two draw how
steep brightness is: Sobel's the length of the gradient, the Laplacian the size of the second derivative. All work on
gray, which is of full range, so that thresholds and scales mean in any film what they mean to OpenCV.

OpenCV's operators grow with their size: a step from black to white is 1020 to Sobel's of 3 pixels, 12240 to that of 5.
They are kept as they are, and what is above 255 is white; `scale` tones a larger one down.
"""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.kinds import Kinds
from vidproc.filters.writing import settle


def canny(window: tuple[Picture], out: Picture, *, low: float, high: float, aperture: int, l2gradient: bool) -> Picture:
    """A gray picture: 255 on an edge, 0 elsewhere."""
    (picture,) = window
    found = cv2.Canny(picture.array, low, high, edges=out.array, apertureSize=aperture, L2gradient=l2gradient)
    settle(found, out.array)
    return out


def sobel(window: tuple[Picture], out: Picture, *, ksize: int, scale: float) -> Picture:
    """A gray picture: the length of the gradient, up to 255."""
    (picture,) = window
    across = cv2.Sobel(picture.array, cv2.CV_32F, 1, 0, ksize=ksize, scale=scale)
    down = cv2.Sobel(picture.array, cv2.CV_32F, 0, 1, ksize=ksize, scale=scale)
    settle(cv2.convertScaleAbs(cv2.magnitude(across, down), dst=out.array), out.array)
    return out


def laplacian(window: tuple[Picture], out: Picture, *, ksize: int, scale: float) -> Picture:
    """A gray picture: the Laplacian without its sign, up to 255."""
    (picture,) = window
    curved = cv2.Laplacian(picture.array, cv2.CV_32F, ksize=ksize, scale=scale)
    settle(cv2.convertScaleAbs(curved, dst=out.array), out.array)
    return out


_SCALE = Param("scale", 1.0, "what the result is multiplied by", low=0, high=100)

CANNY = Filter(
    name="edges",
    help="Thin lines, all of the same white.",
    formats=("gray",),
    apply=canny,
    params=(
        Param("low", 100.0, "gradient above which an edge that has begun goes on", low=0, high=32767),
        Param("high", 200.0, "gradient above which an edge begins; the larger of the two is used", low=0, high=32767),
        Param("aperture", 3, "size of the Sobel operator, in pixels: 3, 5 or 7", low=3, high=7, odd=True),
        Param("l2gradient", False, "measure the gradient exactly instead of by the sum of its parts"),
    ),
    kind="canny",
    fields="apart",
)
SOBEL = Filter(
    name="edges",
    help="The steeper the brightness, the whiter.",
    formats=("gray",),
    apply=sobel,
    params=(Param("ksize", 3, "size of the operator, in pixels", low=1, high=7, odd=True), _SCALE),
    kind="sobel",
    fields="apart",
)
LAPLACIAN = Filter(
    name="edges",
    help="The sharper brightness bends, the whiter: both sides of an edge, lines and specks.",
    formats=("gray",),
    apply=laplacian,
    params=(Param("ksize", 1, "size of the operator, in pixels", low=1, high=7, odd=True), _SCALE),
    kind="laplacian",
    fields="apart",
)

FILTER = Kinds("Draw the edges in the picture, white on black.", "how to find edges", (CANNY, SOBEL, LAPLACIAN))
