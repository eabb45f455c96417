"""Bilateral blur (C. Tomasi, R. Manduchi, 'Bilateral Filtering for Gray and Color Images', 1998).

A pixel is averaged with the neighbours that look like it. How much one does is OpenCV's: the sum of the differences in
blue, green and red, against `sigma_color`. So this works on BGR, whatever the film is. Plane by plane, as FFmpeg's
filter of this name goes about it, brightness and colour would not know of each other's edges: colours that differ by
less than `sigma_color` would run into one another where only brightness tells them apart, and the same `sigma_color`
would mean something else in every plane, as it does for OpenCV on gray, where one difference stands for three. That
BGR has 8 bits is the price for films that have more; the conversions themselves take a thirtieth of the filter's time.
"""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.writing import settle


def bilateral(window: tuple[Picture], out: Picture, *, d: int, sigma_color: float, sigma_space: float) -> Picture:
    """The BGR picture, blurred into `out`."""
    (picture,) = window
    settle(cv2.bilateralFilter(picture.array, d, sigma_color, sigma_space, dst=out.array), out.array)
    return out


BILATERAL = Filter(
    name="blur",
    help="Average the neighbours that look alike: surfaces grow smooth, edges stay.",
    formats=("bgr24",),
    apply=bilateral,
    params=(
        Param("d", 9, "diameter of the neighbourhood, in pixels; the time grows with its square", 1, 31, odd=True),
        Param("sigma_color", 75.0, "difference at which colours mix little: blue, green and red summed up", 0.1, 765),
        Param("sigma_space", 75.0, "distance at which pixels mix little, in pixels", 0.1, 255),
    ),
    kind="bilateral",
    fields="apart",
)
