"""Faces in one picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.moving_face import drawn
from tests.filters.applying import FORMATS
from tests.filters.pictures import bits_of, noise
from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import plane_shapes
from vidproc.filters.haar import find


def showing(side: int, left: int, top: int, width: int = 480, height: int = 360) -> Array:
    """A drawn face on gray, in 8 bits."""
    ground = np.full((height, width), 120, np.uint8)
    ground[top : top + side, left : left + side] = drawn(side).picture[..., 0]
    return ground


def as_picture(luma: Array, name: str) -> Picture:
    """A picture of that brightness, with noise for colours; YUV that isn't of full range has its codes."""
    if name == "bgr24":
        return Picture(name, (cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR),))
    colours = noise(name, luma.shape[1], luma.shape[0]).planes[1:]
    codes = luma if name in ("gray", "yuvj420p") else 16 + luma * (219 / 255)
    return Picture(name, ((codes * (1 << (bits_of(name) - 8))).astype(noise(name, 1, 1).planes[0].dtype), *colours))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("side", [48, 64, 150, 300])
def test_a_face_is_found_where_it_is(side: int, name: str) -> None:
    best, *_ = find(as_picture(showing(side, 100, 30), name), 1.1, 0)
    assert np.allclose(best[:4], (100, 30, side, side), atol=0.15 * side)
    assert best.votes > 10


def test_large_pictures_are_searched_on_a_smaller_copy() -> None:
    best, *_ = find(as_picture(showing(400, 900, 300, 1920, 1080), "yuv420p"), 1.2, 0)
    assert np.allclose(best[:4], (900, 300, 400, 400), atol=40)


def test_two_faces_are_two() -> None:
    luma = showing(80, 50, 60)
    luma[200:300, 300:400] = drawn(100).picture[..., 0]
    sure = [each for each in find(as_picture(luma, "gray"), 1.2, 0) if each.votes >= 8]
    assert sorted(round(each.left, -1) for each in sure) == [50, 300]


def test_faces_smaller_than_asked_for_are_not_found() -> None:
    picture = as_picture(showing(60, 100, 100), "gray")
    assert find(picture, 1.1, 0)
    assert not find(picture, 1.1, 120)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_found_in_an_even_picture(name: str) -> None:
    flat = [np.full(shape, 90, np.uint16 if bits_of(name) > 8 else np.uint8) for shape in plane_shapes(name, 200, 300)]
    assert find(Picture(name, tuple(flat)), 1.1, 0) == ()
