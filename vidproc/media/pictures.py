"""Pictures as filters see them and frames as FFmpeg sees them: the same memory, seen from two sides.

A picture made from a frame keeps it (`FramePicture`), so that it goes back to FFmpeg as that very frame, without a
copy. Any other picture is copied into a frame of FFmpeg's own: its scaler and its encoders read past the ends of rows,
which only memory that FFmpeg has laid out allows for.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from dataclasses import dataclass

import av
import numpy as np
from av.video.plane import VideoPlane

from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import plane_shapes, yuv_layout

GRAY = re.compile(r"gray(\d+le)?")
"""Frames of one plane of brightness."""


@dataclass(frozen=True, slots=True, eq=False)
class FramePicture(Picture):
    """A picture whose planes are views of the top left part of this frame, and of its format."""

    frame: av.VideoFrame


@functools.cache
def working_format(pix_fmt: str) -> str:
    """The format in which pictures of a source are worked on, given FFmpeg's name of the source's own.

    Planar YUV stays what it is. Other YUV (interleaved, with alpha, big-endian) and gray become the planar YUV that
    holds all of their samples, RGB and palettes become `bgr24`.
    """
    if yuv_layout(pix_fmt) is not None or pix_fmt == "bgr24":
        return pix_fmt
    source = av.VideoFormat(pix_fmt, 64, 64)
    if source.is_rgb or source.has_palette or source.is_bayer:
        return "bgr24"
    bits = source.components[0].bits
    across, down = 64 // source.chroma_width(), 64 // source.chroma_height()
    if len(source.components) < 3:  # gray, perhaps with alpha: the least chroma that encoders take
        across, down = 2, 2
    return _planar(across, down, bits)


def _planar(across: int, down: int, bits: int) -> str:
    depth = next((each for each in (8, 9, 10, 12, 14, 16) if each >= bits), 16)
    digits = {(4, 4): "410", (4, 1): "411", (2, 2): "420", (2, 1): "422", (1, 2): "440"}.get((across, down), "444")
    return f"yuv{digits}p" if depth == 8 else f"yuv{digits}p{depth}le"


def to_picture(
    frame: av.VideoFrame, writable: bool = False, width: int | None = None, height: int | None = None
) -> FramePicture:
    """The frame's pixels as a picture, without a copy. `width` and `height` take less of it, from the top left.

    Read-only unless asked otherwise: a decoder may still predict later frames from this one. Raises `ValueError` for
    a format that pictures can't have; `Converter.picture` takes those too.
    """
    name = frame.format.name
    shapes = plane_shapes(name, height or frame.height, width or frame.width)
    deep = name != "bgr24" and frame.format.components[0].bits > 8
    planes = tuple(_view(plane, shape, deep, writable) for plane, shape in zip(frame.planes, shapes, strict=True))
    return FramePicture(name, planes, frame)


def luma_of(frame: av.VideoFrame) -> Array:
    """The Y plane of a frame of gray or planar YUV: a view, read-only."""
    deep = frame.format.components[0].bits > 8
    return _view(frame.planes[0], (frame.height, frame.width), deep, writable=False)


def _view(plane: VideoPlane, shape: tuple[int, ...], deep: bool, writable: bool) -> Array:
    samples: Array = np.frombuffer(plane, np.uint16 if deep else np.uint8)  # type: ignore[call-overload]
    row = abs(plane.line_size) // samples.itemsize
    rows = samples.reshape(-1, row)
    if plane.line_size < 0:  # stored bottom row first
        rows = rows[::-1]
    height, *row_shape = shape
    view = rows[:height, : math.prod(row_shape)].reshape(shape)
    view.flags.writeable = writable
    return view


def new_picture(name: str, width: int, height: int) -> Picture:
    """A writable picture with undefined pixels. YUV lies in a frame; gray and BGR are plain arrays without gaps."""
    if yuv_layout(name) is not None:
        return to_picture(av.VideoFrame(width, height, name), writable=True)
    (shape,) = plane_shapes(name, height, width)
    return Picture(name, (np.empty(shape, np.uint8),))


def from_picture(picture: Picture, into: av.VideoFrame | None = None) -> av.VideoFrame:
    """A frame with these pixels: `into` if given, else the picture's own if it has one, else a new one.

    `into` may be larger than the picture, which then fills its top left. Raises `ValueError` if its format differs.
    """
    if into is None and isinstance(picture, FramePicture):
        return picture.frame
    frame = into if into is not None else av.VideoFrame(picture.width, picture.height, picture.format)
    if isinstance(picture, FramePicture) and picture.frame is frame:
        return frame
    room = to_picture(frame, writable=True, width=picture.width, height=picture.height)
    if room.format != picture.format:
        raise ValueError(f"a {picture.format} picture does not fit into a {room.format} frame")
    for source, target in zip(picture.planes, room.planes, strict=True):
        np.copyto(target, source)
    return frame


class FrameDigest:
    """SHA-256 over the pixels of pictures, in order: the rows of each plane, without what lies between them."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, picture: Picture) -> None:
        for plane in picture.planes:
            self._hash.update(np.ascontiguousarray(plane).data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
