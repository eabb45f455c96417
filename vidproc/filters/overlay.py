"""A picture laid over every frame: a logo, a watermark, a frame around it all.

The picture's colours are written once in the film's own codes, by its own matrix and range, weighted by how opaque each
pixel is; so a frame costs one multiplication a sample where the picture lies, and films stay in YUV. A sample of chroma
gets the mean of the pixels that it covers, which is what mixing in BGR and converting back would give. Mixing is done
in whole numbers. Primaries and transfer curves are left alone: in an HDR film the picture's white is the film's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.formats import steps_of
from vidproc.filters.levels import bits_of
from vidproc.filters.placement import PLACES, corner
from vidproc.filters.still_picture import PICTURE, StillPicture
from vidproc.filters.subsampling import averaged
from vidproc.filters.writing import copy

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """How the picture is laid on frames, whatever their format."""

    picture: StillPicture
    position: str
    x: int
    y: int
    scale: float
    margin: float
    opacity: float


@dataclass(frozen=True, slots=True)
class _Patch:
    """What is laid on one plane, from sample (x, y) on: sample * `kept` + `added`, shifted right by `shift`.

    Both are uint16 for samples of 8 bits and uint32 for more, and leave room for every sum.
    """

    x: int
    y: int
    kept: Array
    added: Array
    shift: int

    def lay(self, plane: Array) -> None:
        height, width = self.kept.shape[:2]
        under = plane[self.y : self.y + height, self.x : self.x + width]
        mixed = np.multiply(under, self.kept, dtype=self.kept.dtype)
        mixed += self.added
        mixed >>= self.shift
        under[:] = mixed


def overlay(
    window: tuple[Picture],
    out: Picture,
    *,
    file: StillPicture,
    position: str,
    x: int,
    y: int,
    scale: float,
    margin: float,
    opacity: float,
    from_bgr: Rows,
) -> Picture:
    """The frame with the picture on it, in `out`."""
    (picture,) = window
    copy(picture.planes, out.planes)
    look = _Look(file, position, x, y, scale, margin, opacity)
    patches = _patches(look, picture.format, picture.width, picture.height, bits_of(picture), from_bgr)
    for plane, patch in zip(out.planes, patches, strict=True):
        if patch is not None:
            patch.lay(plane)
    return out


@functools.lru_cache(maxsize=8)
def _patches(look: _Look, form: str, width: int, height: int, bits: int, rows: Rows) -> tuple[_Patch | None, ...]:
    steps = steps_of(form)
    canvas = _canvas(look, width, height)
    by_plane = [rows] if len(steps) == 1 else [(row,) for row in rows]
    return tuple(_patch(averaged(canvas, step), row, bits) for step, row in zip(steps, by_plane, strict=True))


def _canvas(look: _Look, width: int, height: int) -> Array:
    """Height x width x 4 of the frame: blue, green and red (0 to 255) times alpha, and alpha (0 to 1), in float32."""
    canvas = np.zeros((height, width, 4), np.float32)
    layer = _layer(look, width, height)
    part = layer.shape[1], layer.shape[0]
    x, y = corner(look.position, (width, height), part, look.margin * width)
    x, y = x + look.x, y + look.y
    seen = layer[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    left, top = min(max(x, 0), width), min(max(y, 0), height)
    canvas[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return canvas


def _layer(look: _Look, width: int, height: int) -> Array:
    """The picture itself in such pixels, at the size that it has on the frame."""
    alpha = look.picture.alpha * np.float32(look.opacity / np.iinfo(look.picture.alpha.dtype).max)
    bgr = look.picture.bgr * (alpha * np.float32(255 / np.iinfo(look.picture.bgr.dtype).max))[..., None]
    layer = np.dstack([bgr, alpha])
    if not look.scale:
        return layer
    part = look.picture.size
    factor = min(look.scale * width / part[0], look.scale * height / part[1])
    size = max(1, round(part[0] * factor)), max(1, round(part[1] * factor))
    return cv2.resize(layer, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)


def _patch(layer: Array, rows: Rows, bits: int) -> _Patch | None:
    """For one plane; None where nothing is seen of the picture."""
    shift, wide = (8, np.uint16) if bits == 8 else (16, np.uint32)
    weights = np.rint(layer[..., 3] * float(1 << shift)).astype(np.int64)
    ys, xs = np.flatnonzero(weights.any(1)), np.flatnonzero(weights.any(0))
    if not len(ys):
        return None
    place = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    weights, codes = weights[place], _codes(layer[place], rows, bits)
    if codes.ndim == 3:
        weights = weights[..., None]
    added = np.rint(weights * codes) + (1 << (shift - 1))
    kept = np.broadcast_to((1 << shift) - weights, codes.shape)
    return _Patch(int(xs[0]), int(ys[0]), kept.astype(wide), added.astype(wide), shift)


def _codes(layer: Array, rows: Rows, bits: int) -> Array:
    """What an opaque pixel of the picture's colour would be written as, in float64."""
    weighted = cv2.transform(layer.astype(np.float64), np.array(rows))
    alpha = np.maximum(layer[..., 3], np.finfo(np.float32).tiny).astype(np.float64)
    plain = weighted / (alpha if weighted.ndim == 2 else alpha[..., None])
    return np.clip(plain, 0, (1 << bits) - 1)


FILTER = Filter(
    name="overlay",
    help="Lay a picture over every frame, such as a logo.",
    formats=("yuv", "bgr24"),
    apply=overlay,
    params=(
        Param("file", "", "the picture; a PNG may be transparent", file=PICTURE),
        Param("position", "bottom-right", "where", choices=tuple(PLACES)),
        Param("x", 0, "pixels to the right of there", low=-16384, high=16384),
        Param("y", 0, "pixels down from there", low=-16384, high=16384),
        Param("scale", 0.0, "the part of the frame's width, and height, that it may fill; 0: its own size", 0, 1),
        Param("margin", 0.02, "distance from the edges, as a part of the frame's width", low=0, high=0.5),
        Param("opacity", 1.0, "how much of it is seen", low=0, high=1),
    ),
    wants=("from_bgr",),
    scratch=160,
)
