"""Turning the picture.

Quarter turns only move samples, and swap width with height. Where chroma has fewer samples along one axis alone
(4:2:2), it is interpolated to have them along the same axis again. Any other angle keeps the size, and what comes into
view in the corners is filled.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import cv2
import numpy as np

from vidproc.errors import BadParameterError
from vidproc.filters.contract import OTHER_ORDER, PROGRESSIVE, Array, Filter, Param, Picture, Shape
from vidproc.filters.formats import code_range, steps_of, yuv_layout
from vidproc.filters.writing import settle

_QUARTERS = {90.0: cv2.ROTATE_90_CLOCKWISE, 180.0: cv2.ROTATE_180, 270.0: cv2.ROTATE_90_COUNTERCLOCKWISE}
_BORDERS = {"black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}


def _reshape(shape: Shape, *, angle: float, border: str) -> Shape:
    if angle % 360 == 0:
        return shape
    if angle % 180 == 0:
        return shape if shape.height % 2 else replace(shape, field_order=OTHER_ORDER[shape.field_order])
    if shape.field_order != PROGRESSIVE:
        way_out = "deinterlace first: --filter deinterlace --filter rotate"
        raise BadParameterError(f"an interlaced picture can't be turned by {angle:g} degrees; {way_out}")
    if angle % 180 != 90:
        return shape
    return replace(shape, width=shape.height, height=shape.width, sar=1 / shape.sar if shape.sar else shape.sar)


@functools.lru_cache(maxsize=16)
def _matrix(angle: float, width: int, height: int, across: int, down: int) -> Array:
    """2x3, for a plane with one sample in `across` x `down` pixels of a picture of this size.

    The turn is about the picture's middle and in its pixels; a sample lies in the middle of the pixels it stands for.
    """
    turn = np.vstack([cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1), [0, 0, 1]])
    pixel_of = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    moved: Array = (np.linalg.inv(pixel_of) @ turn @ pixel_of)[:2]
    return moved


def _black(picture: Picture, full: bool) -> tuple[int, ...]:
    """The code of black, by plane."""
    layout = yuv_layout(picture.format)
    if layout is None:
        return (0,)
    return code_range(full, layout.bits)[0], layout.neutral, layout.neutral


def _turn_quarters(picture: Picture, out: Picture, code: int) -> None:
    for source, target in zip(picture.planes, out.planes, strict=True):
        if source.shape[1::-1] == target.shape[:2] or code == cv2.ROTATE_180:
            turned = cv2.rotate(source, code, dst=target)
        else:
            turned = cv2.resize(
                cv2.rotate(source, code), target.shape[1::-1], dst=target, interpolation=cv2.INTER_LINEAR
            )
        settle(turned, target)


def _turn(picture: Picture, out: Picture, angle: float, border: str, full: bool) -> None:
    size, mode = (picture.width, picture.height), _BORDERS[border]
    planes = zip(picture.planes, out.planes, steps_of(picture.format), _black(picture, full), strict=True)
    for source, target, step, black in planes:
        matrix, room = _matrix(angle, *size, *step), target.shape[1::-1]
        settle(cv2.warpAffine(source, matrix, room, dst=target, borderMode=mode, borderValue=black), target)


def rotate(window: tuple[Picture], out: Picture, *, angle: float, border: str, full_range: bool) -> Picture:
    """The picture, turned, in `out`."""
    (picture,) = window
    turn = angle % 360
    if turn == 0:
        return picture
    if turn in _QUARTERS:
        _turn_quarters(picture, out, _QUARTERS[turn])
    else:
        _turn(picture, out, turn, border, full_range)
    return out


FILTER = Filter(
    name="rotate",
    help="Turn the picture clockwise.",
    formats=("yuv", "gray", "bgr24"),
    apply=rotate,
    params=(
        Param("angle", 90.0, "degrees clockwise; 90 and 270 swap width and height", low=-360, high=360),
        Param("border", "black", "what fills the corners at other angles", choices=tuple(_BORDERS)),
    ),
    reshape=_reshape,
    wants=("full_range",),
)
