"""Dense optical flow: where each pixel of the frame before has gone to, drawn as colour.

The hue is the direction (right is red, down yellow-green, left cyan, up violet) and the brightness the distance, by a
fixed scale, since one that is fitted to each frame would flicker.

`flow` is OpenCV's DIS (T. Kroeger et al., 'Fast Optical Flow using Dense Inverse Search', 2016), `farneback` the older
and slower method (G. Farneback, 'Two-Frame Motion Estimation Based on Polynomial Expansion', 2003). Both look at gray
alone.

A DIS object adapts itself to the first size it sees and stays so; a new one for each frame costs little (at most 4 % of
its time at 1080p) and keeps the result a function of the two frames. On pictures much wider than high and less than 32
pixels high DIS computes nonsense or crashes, and on the smallest it refuses, so sides below 32 are continued by their
edges first (https://github.com/opencv/opencv/issues/14554 tells of the crash, which the mended version still has).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.writing import settle

Window = tuple[Picture | None, Picture]

_LEAST_SIDE = 32
_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


def flow(window: Window, out: Picture, *, preset: str, scale: float) -> Picture:
    """A BGR picture of the flow by DIS."""
    return _drawn(window, out, scale, lambda before, now: _dis(before, now, _PRESETS[preset]))


def farneback(
    window: Window,
    out: Picture,
    *,
    pyr_scale: float,
    levels: int,
    winsize: int,
    iterations: int,
    poly_n: int,
    poly_sigma: float,
    scale: float,
) -> Picture:
    """A BGR picture of the flow by Farneback's method."""

    def moved(before: Array, now: Array) -> Array:
        how = pyr_scale, levels, winsize, iterations, poly_n, poly_sigma, 0
        return cv2.calcOpticalFlowFarneback(before, now, None, *how)  # type: ignore[call-overload, no-any-return]

    return _drawn(window, out, scale, moved)


def _drawn(window: Window, out: Picture, scale: float, way: Callable[[Array, Array], Array]) -> Picture:
    before, now = window
    if before is None:
        out.array.fill(0)
    else:
        _draw(way(before.array, now.array), scale, out.array)
    return out


def _draw(moved: Array, scale: float, bgr: Array) -> None:
    across, down = cv2.split(moved)
    length, degrees = cv2.cartToPolar(across, down, angleInDegrees=True)
    hue = cv2.convertScaleAbs(degrees, alpha=0.5)  # OpenCV's hues go round in 180
    hsv = cv2.merge((hue, np.full_like(hue, 255), cv2.convertScaleAbs(length, alpha=scale)))
    settle(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR, dst=bgr), bgr)


def _dis(before: Array, now: Array, preset: int) -> Array:
    height, width = now.shape
    method = cv2.DISOpticalFlow.create(preset)
    moved: Array = method.calc(_continued(before), _continued(now), None)  # type: ignore[call-overload]
    return moved[:height, :width]


def _continued(gray: Array) -> Array:
    """The picture as DIS takes it: without gaps between its rows, and no side too short."""
    height, width = gray.shape
    below, right = max(_LEAST_SIDE - height, 0), max(_LEAST_SIDE - width, 0)
    if below or right:
        return cv2.copyMakeBorder(gray, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(gray)


_SCALE = Param("scale", 32.0, "brightness of a movement by one pixel, in levels", low=0, high=255)

FLOW = Filter(
    name="motion",
    help="Which way everything moves, as hue, and how far, as brightness; the first frame is black.",
    formats=("gray",),
    apply=flow,
    params=(
        Param("preset", "fast", "how much time to take for it", choices=tuple(_PRESETS)),
        _SCALE,
    ),
    window=(-1, 0),
    gives="bgr24",
    kind="flow",
    fields="apart",
    scratch=52,
)
FARNEBACK = Filter(
    name="motion",
    help="The same by Farneback's method, which is slower and smoother.",
    formats=("gray",),
    apply=farneback,
    params=(
        Param("pyr_scale", 0.5, "size of each level of the pyramid against the one below", low=0.1, high=0.9),
        Param("levels", 3, "levels of the pyramid; more find larger movements", low=1, high=10),
        Param("winsize", 15, "width of the window that is averaged over; larger is steadier, and blurs", 2, 255),
        Param("iterations", 3, "iterations on each level", low=1, high=20),
        Param("poly_n", 5, "width of the neighbourhood that a polynomial is fitted to: 5 or 7", 5, 7, odd=True),
        Param("poly_sigma", 1.1, "standard deviation that smooths the fit; 1.1 suits 5, 1.5 suits 7", 0.1, 10),
        _SCALE,
    ),
    window=(-1, 0),
    gives="bgr24",
    kind="farneback",
    fields="apart",
    scratch=112,
)
