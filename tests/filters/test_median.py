"""Median blur, against OpenCV's own and, where it has none, against sorted windows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.filters.applying import written
from tests.filters.pictures import bits_of, noise
from vidproc.filters.contract import Array, Picture


def medians(plane: Array, side: int) -> Array:
    """The middle one of each window's sorted samples; edges are repeated outward, as OpenCV does."""
    padded = np.pad(plane, side // 2, "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    return np.median(windows, axis=(2, 3)).astype(plane.dtype)


@pytest.mark.parametrize("name", ["gray", "bgr24", "yuv444p", "yuvj444p"])
@pytest.mark.parametrize("ksize", [1, 3, 5, 7, 21, 255])
def test_planes_of_full_size_are_opencvs(name: str, ksize: int) -> None:
    picture = noise(name, 61, 47)
    for before, after in zip(picture.planes, written("blur", picture, kind="median", ksize=ksize).planes, strict=True):
        assert np.array_equal(after, cv2.medianBlur(before, ksize))


@pytest.mark.parametrize("name", ["yuv444p9le", "yuv444p10le", "yuv444p16le"])
@pytest.mark.parametrize("ksize", [3, 5, 7, 13])
def test_samples_of_16_bits_are_exact_at_any_size(name: str, ksize: int) -> None:
    picture = noise(name, 23, 19)
    for before, after in zip(picture.planes, written("blur", picture, kind="median", ksize=ksize).planes, strict=True):
        assert np.array_equal(after, medians(before, ksize))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (1, 4)])
def test_deep_pictures_of_few_samples(width: int, height: int) -> None:
    picture = noise("yuv444p16le", width, height)
    for before, after in zip(picture.planes, written("blur", picture, kind="median", ksize=7).planes, strict=True):
        assert np.array_equal(after, medians(before, 7))


@pytest.mark.parametrize(("low", "high"), [(0, 0), (940, 940), (64, 319), (64, 320), (700, 1023)])
def test_deep_planes_that_hold_few_codes(low: int, high: int) -> None:
    """One code alone, and ranges about the width of a band."""
    rng = np.random.default_rng(3)
    plane = rng.integers(low, high + 1, (15, 21)).astype(np.uint16)
    (result, *_) = written("blur", Picture("yuv444p10le", (plane,) * 3), kind="median", ksize=9).planes
    assert np.array_equal(result, medians(plane, 9))


@pytest.mark.parametrize(
    ("name", "ksize", "side"),
    [
        ("yuv420p", 3, 3),
        ("yuvj420p", 5, 3),
        ("yuv420p", 15, 9),
        ("yuv420p10le", 15, 9),
        ("yuv422p10le", 15, 11),
        ("yuv440p", 15, 11),
        ("yuv411p", 15, 9),
        ("yuv410p", 15, 5),
    ],
)
def test_subsampled_chroma_gets_a_window_of_the_same_area(name: str, ksize: int, side: int) -> None:
    picture = noise(name, 61, 47)
    result = written("blur", picture, kind="median", ksize=ksize)
    for before, after, width in zip(picture.planes, result.planes, (ksize, side, side), strict=True):
        assert np.array_equal(after, medians(before, width))


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "bgr24"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (3, 70)])
def test_pictures_smaller_than_the_window(name: str, width: int, height: int) -> None:
    flat = Picture(name, tuple(np.full_like(plane, 200) for plane in noise(name, width, height).planes))
    assert all((plane == 200).all() for plane in written("blur", flat, kind="median", ksize=255).planes)


def test_specks_vanish_and_edges_stay() -> None:
    for name in ("yuv420p", "yuv420p10le"):
        picture = noise(name, 64, 48)
        top = (1 << bits_of(name)) - 1
        for plane in picture.planes:
            plane[:] = 50
            plane[:, plane.shape[1] // 2 :] = 200
        truth = [plane.copy() for plane in picture.planes]
        for plane in picture.planes:
            plane[3::7, 2::7] = top
        result = written("blur", picture, kind="median", ksize=7)
        assert all(np.array_equal(one, other) for one, other in zip(result.planes, truth, strict=True))
