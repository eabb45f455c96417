"""Films of one face that moves and comes and goes in size, so that where it is in each frame is known.

The face is one that is drawn here, or that of a picture. A drawn one is a brow, two eyes in their sockets, a nose and a
mouth: lighter and darker where a face is, which is what a Haar cascade asks about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vidproc.filters.contract import Array, Picture
from vidproc.filters.tracks import Box

_HAIR, _SKIN, _SOCKET, _BROW, _DARK, _SHINE, _MOUTH = 40, 190, 90, 50, 20, 215, 70
_BACKGROUND = (120, 110, 90)


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture in BGR, and the box of the one face in it."""

    picture: Array
    face: Box


def drawn(side: int = 200) -> Portrait:
    """A face that fills a square picture."""
    skin = np.full((side, side), _BACKGROUND[0], np.uint8)
    _ellipse(skin, (0.5, 0.35), (0.47, 0.42), _HAIR)
    _ellipse(skin, (0.5, 0.52), (0.37, 0.46), _SKIN)
    for x in (0.33, 0.67):
        _ellipse(skin, (x, 0.42), (0.13, 0.075), _SOCKET)
        _ellipse(skin, (x, 0.34), (0.13, 0.03), _BROW)
        _ellipse(skin, (x, 0.43), (0.045, 0.045), _DARK)
    _ellipse(skin, (0.5, 0.55), (0.05, 0.13), _SHINE)
    _ellipse(skin, (0.5, 0.79), (0.16, 0.04), _MOUTH)
    soft = cv2.GaussianBlur(skin, (0, 0), side / 60)
    return Portrait(cv2.merge([soft, soft, soft]), Box(0, 0, side, side))


def _ellipse(on: Array, centre: tuple[float, float], axes: tuple[float, float], level: int) -> None:
    side = len(on)
    at, size = (tuple(round(share * side) for share in pair) for pair in (centre, axes))
    cv2.ellipse(on, at, size, 0, 0, 360, (level,), cv2.FILLED)


@dataclass(frozen=True, slots=True)
class Film:
    """How large the pictures are, and how the face moves: at most about `pace` hundredths of the width a frame."""

    frames: int = 300
    width: int = 640
    height: int = 480
    pace: float = 1.0
    grain: float = 6.0

    def box(self, rank: int) -> Box:
        """Where the face is: swinging through the middle, 0.08 to 0.23 of the height in size."""
        phase = rank * self.pace / 27
        side = self.height * (0.155 + 0.075 * math.sin(phase / 1.9))
        x = self.width * (0.5 + 0.27 * math.sin(phase + 1))
        y = self.height * (0.5 + 0.16 * math.sin(1.4 * phase))
        return Box(x - side / 2, y - side / 2, side, side)


def pictures(portrait: Portrait, film: Film) -> Iterator[Picture]:
    """The film's frames, `yuv420p`, with the grain of a camera. The same each time."""
    rng = np.random.default_rng(0)
    for rank in range(film.frames):
        colours = _placed(portrait, film.box(rank), film)
        planes = _planes(cv2.cvtColor(colours, cv2.COLOR_BGR2YUV_I420), film)
        grain = rng.normal(0, film.grain, planes[0].shape)
        luma = np.clip(planes[0] + grain.round(), 16, 235).astype(np.uint8)
        yield Picture("yuv420p", (luma, *planes[1:]))


def _placed(portrait: Portrait, box: Box, film: Film) -> Array:
    scale = box.width / portrait.face.width
    move = np.array(
        [
            [scale, 0, box.left - scale * portrait.face.left],
            [0, scale, box.top - scale * portrait.face.top],
        ]
    )
    ground = np.full((film.height, film.width, 3), _BACKGROUND, np.uint8)
    size = (film.width, film.height)
    # Smaller, by way of a picture of about that size: warpAffine looks at four pixels only.
    steps = max(0, math.floor(math.log2(1 / scale))) if scale < 1 else 0
    picture = portrait.picture
    for _ in range(steps):
        picture = cv2.pyrDown(picture)
    move[:, :2] *= 2**steps
    return cv2.warpAffine(picture, move, size, dst=ground, borderMode=cv2.BORDER_TRANSPARENT)


def _planes(stacked: Array, film: Film) -> tuple[Array, Array, Array]:
    """OpenCV's I420, one plane above the other, taken apart."""
    luma, rest = stacked[: film.height], stacked[film.height :].reshape(2, film.height // 2, film.width // 2)
    return luma, rest[0], rest[1]
