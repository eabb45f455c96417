"""Faces in one picture, found by a Haar cascade.

Of OpenCV's frontal cascades `alt2` is the one whose votes tell faces from the rest: on our clips, with scale factor
1.1, a face had 11 or more, what was none had 12 at most and mostly 3; with `default` they overlap. It looks at luma
alone, and scales each patch by its own contrast, so the range of the codes does not matter to it.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from cv2.data import haarcascades

from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import yuv_layout
from vidproc.filters.tracks import Sighting

_WIDEST = 640
_SMALLEST = 20  # pixels: what the cascade was trained on
_FEWEST_VOTES = 2  # a weak sighting is kept, because strong ones before and after may confirm it
_MOST = 64  # sightings of a picture, the strongest; a texture may look like hundreds


@functools.cache
def _cascade() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(haarcascades, "haarcascade_frontalface_alt2.xml")))


def find(picture: Picture, scale: float, least: int) -> tuple[Sighting, ...]:
    """What looks like a face, in pixels of the picture, weak sightings too.

    scale: the step from one size that is looked for to the next, above 1; votes are fewer with larger steps.
    least: width and height of the smallest face in pixels; 0: a sixteenth of the picture's shorter side. On a copy of
        at most 640 pixels in width, where faces of less than 20 can't be found.
    """
    small = _small(picture)
    shrunk = small.shape[1] / picture.width
    side = max(_SMALLEST, round((least or min(picture.width, picture.height) / 16) * shrunk))
    found, votes = _cascade().detectMultiScale2(small, scale, _FEWEST_VOTES, minSize=(side, side))
    sightings = [_sighting(box / shrunk, int(count)) for box, count in zip(np.asarray(found), votes, strict=True)]
    return tuple(sorted(sightings, key=lambda each: (-each.votes, each))[:_MOST])


def _sighting(box: Array, votes: int) -> Sighting:
    left, top, width, height = box.tolist()
    return Sighting(left, top, width, height, votes)


def _small(picture: Picture) -> Array:
    """The brightness of a picture at most 640 wide, of 8 bits."""
    plane = picture.planes[0]
    if picture.width > _WIDEST:
        size = (_WIDEST, max(1, round(picture.height * _WIDEST / picture.width)))
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    if picture.format == "bgr24":
        return cv2.cvtColor(plane, cv2.COLOR_BGR2GRAY)
    layout = yuv_layout(picture.format)
    return plane if plane.dtype == np.uint8 or layout is None else (plane >> (layout.bits - 8)).astype(np.uint8)
