"""Edges: Canny's, with OpenCV's meaning of each parameter."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.filters.pictures import applied, noise
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
    room = applied("edges", picture, **params)
    truth = cv2.Canny(SCENE, **like_opencv)
    assert np.array_equal(room.array, truth)
    assert 0 < np.count_nonzero(truth) < truth.size / 2


def test_the_smallest_pictures() -> None:
    for width, height in ((1, 1), (2, 3), (1, 40)):
        assert applied("edges", noise("gray", width, height)).array.shape == (height, width)


@pytest.mark.parametrize("aperture", [1, 4, 9])
def test_apertures_that_the_operator_lacks_are_refused(aperture: int) -> None:
    with pytest.raises(BadParameterError, match="edges: aperture must be an odd whole number from 3 to 7"):
        filters.find(FilterSpec("edges", {"aperture": aperture}))
