"""Motion: the kinds there are, and the difference to the frame before."""

from __future__ import annotations

import cv2

from vidproc.filters.background import MOG2
from vidproc.filters.contract import Filter, Param, Picture
from vidproc.filters.flow import FARNEBACK, FLOW
from vidproc.filters.kinds import Kinds
from vidproc.filters.writing import settle


def difference(window: tuple[Picture | None, Picture], out: Picture, *, threshold: int) -> Picture:
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


DIFFERENCE = Filter(
    name="motion",
    help="How much each pixel changed, as brightness; the first frame is black.",
    formats=("gray",),
    apply=difference,
    params=(
        Param("threshold", 0, "a change of at most so many levels is taken for noise and shown black", low=0, high=255),
    ),
    window=(-1, 0),
    kind="difference",
)

FILTER = Kinds("Show what moves.", "how to find motion", (DIFFERENCE, FLOW, FARNEBACK, MOG2))
