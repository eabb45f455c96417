"""Bilateral blur, against OpenCV's own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.filters.applying import written
from tests.filters.pictures import noise
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Picture
from vidproc.model import FilterSpec


@pytest.mark.parametrize(
    ("params", "like_opencv"),
    [
        ({}, (9, 75, 75)),
        ({"d": 5, "sigma_color": "20", "sigma_space": 3}, (5, 20, 3)),
        ({"d": 1}, (1, 75, 75)),
        ({"d": 31, "sigma_color": 300}, (31, 300, 75)),
    ],
)
@pytest.mark.parametrize(("width", "height"), [(61, 47), (1, 1), (2, 70)])
def test_colours_are_blurred_as_opencv_does(
    params: dict[str, float], like_opencv: tuple[int, float, float], width: int, height: int
) -> None:
    picture = noise("bgr24", width, height)
    truth = cv2.bilateralFilter(picture.array, *like_opencv)
    assert np.array_equal(written("blur", picture, kind="bilateral", **params).array, truth)


def test_an_edge_stays_and_what_lies_beside_it_grows_smooth() -> None:
    bgr = np.full((40, 60, 3), 40, np.uint8)
    bgr[:, 30:] = (40, 40, 240)
    rough = cv2.add(bgr, np.random.default_rng(5).integers(0, 12, bgr.shape).astype(np.uint8))
    result = written("blur", Picture("bgr24", (rough,)), kind="bilateral", sigma_color=40).array
    left, right = result[:, :30].astype(int), result[:, 30:].astype(int)
    assert left.std() < rough[:, :30].std() / 2
    assert (right[..., 2] - left[..., 2]).min() > 190


def test_an_even_diameter_which_opencv_would_round_up_is_refused() -> None:
    with pytest.raises(BadParameterError, match="blur kind=bilateral: d must be an odd whole number from 1 to 31"):
        filters.find(FilterSpec("blur", {"kind": "bilateral", "d": 8}))


def test_opencvs_own_spelling_leads_to_ours() -> None:
    with pytest.raises(BadParameterError, match="did you mean 'sigma_color'"):
        filters.find(FilterSpec("blur", {"kind": "bilateral", "sigmaColor": 50}))
