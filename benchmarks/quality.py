"""How much of the filtered picture is left in a film, so that nobody wins by doing less.

A film is held against the frames of its source, decoded and filtered by plain OpenCV and never encoded. Looked at is
brightness, in frames evenly apart from the film's first seconds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.tasks import Array, Task
from vidproc.media.encode import plane_views
from vidproc.media.probe import main_video

_LOOKED_AT = range(15, 300, 30)
"""Frames whose quality counts. Not the first one, which a filter of differences has nothing to say about."""

_FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class Quality:
    """psnr: in dB, from the mean of the squared differences of all frames; infinite for equal films. ssim: 0 to 1."""

    psnr: float
    ssim: float


def reference(clip: Path, task: Task) -> list[Array]:
    """Y of the frames that are looked at, as the filter leaves it. The clip is 8-bit planar 4:2:0."""
    kept: list[Array] = []
    apply = None
    for number, frame in enumerate(_frames(clip)):
        planes = plane_views(frame, frame.width, frame.height)
        apply = apply or task.planes(frame.color_range == _FULL_RANGE or frame.format.name == "yuvj420p")
        room = tuple(map(np.empty_like, planes))
        apply(planes, room)
        if number in _LOOKED_AT:
            kept.append(room[0])
    return kept


def measure(film: Path, expected: Sequence[Array]) -> Quality:
    """Raises `ValueError` when it has fewer frames than are expected."""
    squares, likenesses = [], []
    frames = (frame for number, frame in enumerate(_frames(film)) if number in _LOOKED_AT)
    for luma, frame in zip(expected, frames, strict=True):
        found = plane_views(frame, frame.width, frame.height)[0]
        squares.append(float(np.mean(np.square(found.astype(np.float32) - luma), dtype=np.float64)))
        likenesses.append(ssim(found, luma))
    error = sum(squares) / len(squares)
    psnr = 10 * math.log10(255**2 / error) if error else math.inf
    return Quality(psnr, sum(likenesses) / len(likenesses))


def _frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as film:
        video = main_video(film)
        video.thread_type = "AUTO"
        yield from itertools.islice(film.decode(video), _LOOKED_AT.stop)


def ssim(one: Array, other: Array) -> float:
    """The mean structural similarity of two planes of uint8 (Z. Wang et al., 'Image Quality Assessment: From Error
    Visibility to Structural Similarity', 2004), with the paper's window and constants, over the whole window's places.
    """
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    x, y = one.astype(np.float32), other.astype(np.float32)
    mean_x, mean_y = _windowed(x), _windowed(y)
    xx, yy, xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    var_x, var_y, covar = _windowed(x * x) - xx, _windowed(y * y) - yy, _windowed(x * y) - xy
    found = ((2 * xy + c1) * (2 * covar + c2)) / ((xx + yy + c1) * (var_x + var_y + c2))
    return float(found.mean(dtype=np.float64))


def _windowed(plane: Array) -> Array:
    """Weighted means by the 11 x 11 Gaussian window of 1.5 pixels, where it lies within the picture."""
    return cv2.GaussianBlur(plane, (11, 11), 1.5)[5:-5, 5:-5]
