"""Other sizes: OpenCV's own on each plane, and the shape that the film gets."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.filters.applying import FORMATS, applied, same
from tests.filters.pictures import bits_of, noise, smooth_bgr
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Picture, Shape
from vidproc.filters.formats import plane_shapes

RESIZE = filters.get("resize")
WAYS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("width", "height"), [(30, 24), (31, 23), (122, 95), (80, 20)])
def test_planes_are_scaled_as_opencv_does(name: str, way: str, width: int, height: int) -> None:
    picture = noise(name, 61, 47)
    found = applied("resize", picture, width=width, height=height, interpolation=way)
    for before, after, shape in zip(picture.planes, found.planes, plane_shapes(name, height, width), strict=True):
        truth = cv2.resize(before, shape[1::-1], interpolation=WAYS[way])
        assert np.array_equal(after, np.minimum(truth, (1 << bits_of(name)) - 1))


@pytest.mark.parametrize(
    ("size", "way"), [((30, 20), "area"), ((61, 20), "area"), ((100, 20), "cubic"), ((70, 70), "cubic")]
)
def test_a_smaller_picture_is_averaged_and_a_larger_one_interpolated(size: tuple[int, int], way: str) -> None:
    picture = noise("gray", 61, 47)
    found = applied("resize", picture, width=size[0], height=size[1])
    assert same(found, applied("resize", picture, width=size[0], height=size[1], interpolation=way))


def test_colour_stays_where_it_was() -> None:
    """Scaling planes looks like scaling RGB: above 35 dB where colours have hard edges."""
    bgr = smooth_bgr(320, 240)
    stacked = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    planes = (stacked[:240], stacked[240:300].reshape(120, 160), stacked[300:].reshape(120, 160))
    found = applied("resize", Picture("yuv420p", planes), width=160).planes
    truth = cv2.cvtColor(cv2.resize(bgr, (160, 120), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2YUV_I420)
    assert cv2.PSNR(truth[:120], np.ascontiguousarray(found[0])) > 35
    assert cv2.PSNR(truth[120:150].reshape(60, 80), np.ascontiguousarray(found[1])) > 35
    assert cv2.PSNR(truth[150:].reshape(60, 80), np.ascontiguousarray(found[2])) > 35


def after(shape: Shape, **params: int) -> Shape:
    return RESIZE.shape_after(shape, RESIZE.resolve(params))


@pytest.mark.parametrize(
    ("params", "size", "sar"),
    [
        ({}, (720, 576), Fraction(16, 15)),
        ({"width": 360}, (360, 288), Fraction(16, 15)),
        ({"height": 288}, (360, 288), Fraction(16, 15)),
        ({"width": 1024, "height": 576}, (1024, 576), Fraction(3, 4)),
        ({"height": 480}, (600, 480), Fraction(16, 15)),
        ({"width": 501}, (501, 400), Fraction(16, 15) * Fraction(720 * 400, 501 * 576)),
        ({"width": 1}, (1, 2), Fraction(16, 15) * Fraction(720 * 2, 576)),
    ],
)
def test_the_film_stays_as_wide_as_it_looked(params: dict[str, int], size: tuple[int, int], sar: Fraction) -> None:
    """A side that is left open becomes the nearest even number, and the pixels' shape makes up for the rest."""
    found = after(Shape(720, 576, Fraction(16, 15)), **params)
    assert ((found.width, found.height), found.sar) == (size, sar)


def test_pixels_of_unknown_shape_stay_so() -> None:
    assert after(Shape(720, 576), width=1024, height=576) == Shape(1024, 576)


def test_the_shape_of_pixels_is_no_finer_than_can_be_written() -> None:
    found = after(Shape(16383, 16381, Fraction(1)), width=8191, height=8193).sar
    assert found.denominator <= 4096
    assert found == pytest.approx(Fraction(16383 * 8193, 16381 * 8191), rel=1e-6)


def test_a_side_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(BadParameterError, match="resize: the picture of 64x2 would become 32000x1000: too large"):
        after(Shape(64, 2), height=1000)
