"""Edges, white on black, by Canny's detector (J. Canny, 'A Computational Approach to Edge Detection', 1986)."""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.writing import settle


def edges(
    window: tuple[Picture], out: Picture, *, kind: str, low: float, high: float, aperture: int, l2gradient: bool
) -> Picture:
    """A gray picture: 255 on an edge, 0 elsewhere."""
    (picture,) = window
    found = cv2.Canny(picture.array, low, high, edges=out.array, apertureSize=aperture, L2gradient=l2gradient)
    settle(found, out.array)
    return out


FILTER = Filter(
    name="edges",
    help="Draw the edges in the picture, white on black.",
    formats=("gray",),
    apply=edges,
    params=(
        Param("kind", "canny", "how to find edges", choices=("canny",)),
        Param("low", 100.0, "gradient above which an edge that has begun goes on", low=0, high=32767),
        Param("high", 200.0, "gradient above which an edge begins; the larger of the two is used", low=0, high=32767),
        Param("aperture", 3, "size of the Sobel operator, in pixels: 3, 5 or 7", low=3, high=7, odd=True),
        Param("l2gradient", False, "measure the gradient exactly instead of by the sum of its parts"),
    ),
)
