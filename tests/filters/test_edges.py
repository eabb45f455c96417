"""Edges: Canny's, Sobel's and the Laplacian's, with OpenCV's meaning of each parameter."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.filters.applying import written
from tests.filters.pictures import noise
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Picture
from vidproc.model import FilterSpec

SCENE = cv2.GaussianBlur(noise("gray", 160, 120).array, (7, 7), 0)


@pytest.mark.parametrize(
    ("params", "like_opencv"),
    [
        ({}, {"threshold1": 100, "threshold2": 200}),
        ({"low": 20, "high": "60"}, {"threshold1": 20, "threshold2": 60}),
        ({"aperture": 5, "high": 900}, {"threshold1": 100, "threshold2": 900, "apertureSize": 5}),
        ({"l2gradient": "true"}, {"threshold1": 100, "threshold2": 200, "L2gradient": True}),
    ],
)
def test_edges_are_cannys(params: dict[str, Any], like_opencv: dict[str, Any]) -> None:
    picture = Picture("gray", (SCENE,))
    room = written("edges", picture, **params)
    truth = cv2.Canny(SCENE, **like_opencv)
    assert np.array_equal(room.array, truth)
    assert 0 < np.count_nonzero(truth) < truth.size / 2


@pytest.mark.parametrize(("ksize", "scale"), [(1, 1), (3, 1), (3, 0.25), (5, 0.125), (7, 2**-10), (3, 0), (7, 100)])
@pytest.mark.parametrize("picture", [Picture("gray", (SCENE,)), noise("gray", 61, 47), noise("gray", 1, 1)])
def test_sobels_edges_are_as_white_as_the_gradient_is_long(picture: Picture, ksize: int, scale: float) -> None:
    across, down = (cv2.Sobel(picture.array, cv2.CV_64F, dx, 1 - dx, ksize=ksize) for dx in (1, 0))
    result = written("edges", picture, kind="sobel", ksize=ksize, scale=scale).array
    truth = np.minimum(np.hypot(across, down) * scale, 255)
    # OpenCV's square root is short of single precision, so what lies halfway between two levels may become either.
    assert np.abs(result - truth).max() < 0.501
    if scale == 1:
        assert np.array_equal(result, np.rint(truth))


@pytest.mark.parametrize(("ksize", "scale"), [(1, 1), (3, 1), (1, 0.25), (5, 0.125), (7, 2**-8), (1, 0), (7, 100)])
@pytest.mark.parametrize("picture", [Picture("gray", (SCENE,)), noise("gray", 61, 47), noise("gray", 1, 1)])
def test_laplacian_edges_are_as_white_as_brightness_bends(picture: Picture, ksize: int, scale: float) -> None:
    curved = cv2.Laplacian(picture.array, cv2.CV_64F, ksize=ksize)
    result = written("edges", picture, kind="laplacian", ksize=ksize, scale=scale).array
    assert np.array_equal(result, np.rint(np.minimum(np.abs(curved) * scale, 255)))


@pytest.mark.parametrize("kind", ["canny", "sobel", "laplacian"])
def test_the_smallest_pictures(kind: str) -> None:
    for width, height in ((1, 1), (2, 3), (1, 40)):
        assert written("edges", noise("gray", width, height), kind=kind).array.shape == (height, width)


@pytest.mark.parametrize("aperture", [1, 4, 9])
def test_apertures_that_the_operator_lacks_are_refused(aperture: int) -> None:
    with pytest.raises(BadParameterError, match="edges kind=canny: aperture must be an odd whole number from 3 to 7"):
        filters.find(FilterSpec("edges", {"aperture": aperture}))
