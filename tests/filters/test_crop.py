"""Parts of the picture, against NumPy's slices."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.filters.applying import FORMATS, applied, same
from tests.filters.pictures import noise
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Shape

CROP = filters.get("crop")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"width": 20, "height": 10, "x": 4, "y": 6}, (4, 6, 20, 10)),
        ({"width": 21, "height": 11, "x": 40, "y": 36}, (40, 36, 21, 11)),
        ({"x": 8, "y": 2}, (8, 2, 53, 45)),
        ({"width": 21, "height": 7}, (20, 20, 21, 7)),
        ({"width": 21}, (20, 0, 21, 47)),
    ],
)
def test_the_part_is_what_was_there(name: str, params: dict[str, int], part: tuple[int, int, int, int]) -> None:
    left, top, width, height = part
    picture = noise(name, 61, 47)
    found = applied("crop", picture, **params)
    assert (found.width, found.height) == (width, height)
    for before, after in zip(picture.planes, found.planes, strict=True):
        across, down = -(-61 // before.shape[1]), -(-47 // before.shape[0])
        high, wide = -(-height // down), -(-width // across)
        assert np.array_equal(after, before[top // down :, left // across :][:high, :wide])


def test_without_parameters_it_is_the_whole() -> None:
    picture = noise("yuv420p", 61, 47)
    assert same(applied("crop", picture), picture)


def test_corners_between_samples_of_chroma_are_rounded_down() -> None:
    for name, (x, y) in {"yuv420p": (4, 6), "yuv422p10le": (4, 7), "bgr24": (5, 7), "gray": (5, 7)}.items():
        picture = noise(name, 61, 47)
        found = applied("crop", picture, width=20, height=10, x=5, y=7)
        assert same(found, applied("crop", picture, width=20, height=10, x=x, y=y))
        assert np.array_equal(found.planes[0], picture.planes[0][y : y + 10, x : x + 20])


def test_pixels_keep_their_shape() -> None:
    shape = Shape(64, 48, Fraction(4, 3))
    assert CROP.shape_after(shape, CROP.resolve({"width": 10})) == Shape(10, 48, Fraction(4, 3))


@pytest.mark.parametrize("params", [{"width": 65}, {"height": 49}, {"x": 64}, {"width": 60, "x": 5}, {"y": 16384}])
def test_a_part_that_is_not_within_the_picture_is_refused(params: dict[str, int]) -> None:
    with pytest.raises(BadParameterError, match=r"crop: width .* does not lie within the picture of 64x48"):
        CROP.shape_after(Shape(64, 48), CROP.resolve(params))
