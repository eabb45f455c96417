"""Motion: what changed since the frame before."""

from __future__ import annotations

import cv2

from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.writing import settle


def motion(window: tuple[Picture | None, Picture], out: Picture, *, kind: str, threshold: int) -> Picture:
    """A gray picture: how many levels each pixel changed by; black where there is no frame before."""
    before, now = window
    change = out.array
    if before is None:
        change[:] = 0
        return out
    settle(cv2.absdiff(before.array, now.array, dst=change), change)
    if threshold:
        settle(cv2.threshold(change, threshold, 255, cv2.THRESH_TOZERO, dst=change)[1], change)
    return out


FILTER = Filter(
    name="motion",
    help="Show what changed since the frame before; the first frame is black.",
    formats=("gray",),
    apply=motion,
    params=(
        Param("kind", "difference", "how to find motion", choices=("difference",)),
        Param("threshold", 0, "a change of at most so many levels is taken for noise and shown black", low=0, high=255),
    ),
    window=(-1, 0),
)
