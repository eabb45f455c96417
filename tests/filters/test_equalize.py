"""Histogram equalisation, against OpenCV's on the full range."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.filters.applying import applied
from tests.filters.pictures import noise
from vidproc.filters.contract import Picture

SCENE = cv2.add(cv2.GaussianBlur(noise("gray", 201, 151).array, (31, 31), 0), noise("gray", 201, 151, 1).array // 16)


def by_opencv(gray: NDArray[Any], clip: float = 2.0, tiles: int = 8) -> NDArray[Any]:
    return cv2.createCLAHE(clip, (tiles, tiles)).apply(gray)


@pytest.mark.parametrize(("clip", "tiles"), [(2.0, 8), (40.0, 8), (0.0, 1), (3.5, 5)])
@pytest.mark.parametrize("name", ["gray", "yuvj420p"])
def test_the_full_range_is_equalised_as_opencv_does(name: str, clip: float, tiles: int) -> None:
    chroma = noise(name, 201, 151).planes[1:]
    luma, *rest = applied("equalize", Picture(name, (SCENE, *chroma)), clip=clip, tiles=tiles).planes
    assert np.array_equal(luma, by_opencv(SCENE, clip, tiles))
    assert all(np.array_equal(one, other) for one, other in zip(chroma, rest, strict=True))


def test_limited_range_is_equalised_within_its_limits() -> None:
    """Each level is a code and back, which rounds: half a code is 0.6 of a level."""
    limited = np.rint(SCENE / 255 * 219 + 16).astype(np.uint8)
    levels = np.rint((limited - 16.0) / 219 * 255).astype(np.uint8)
    found = applied("equalize", Picture("yuv420p", (limited, *noise("yuv420p", 201, 151).planes[1:]))).planes[0]
    assert np.abs((found - 16.0) / 219 * 255 - by_opencv(levels)).max() <= 0.6
    assert found.min() >= 16
    assert found.max() <= 235


def test_ten_bits_look_as_eight_do() -> None:
    """Within a level in the mean: some pixels fall into the bin beside."""
    smooth = cv2.GaussianBlur(noise("yuv422p10le", 401, 301).planes[0].astype(float), (101, 101), 0)
    deep = np.rint((smooth - smooth.min()) / np.ptp(smooth) * 800 + 100).astype(np.uint16)
    levels = np.rint((deep - 64.0) / 876 * 255).astype(np.uint8)
    found = applied("equalize", Picture("yuv422p10le", (deep, *noise("yuv422p10le", 401, 301).planes[1:]))).planes[0]
    assert np.abs((found - 64.0) / 876 * 255 - by_opencv(levels)).mean() < 1
    assert np.ptp(by_opencv(levels).astype(int)) > 220
