"""Marking and hiding parts of pictures, in every format and where the picture ends."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.filters.applying import FORMATS, is_full, same
from tests.filters.pictures import bits_of, noise
from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import steps_of
from vidproc.filters.regions import COLORS, Region, codes_of, outline, pixelate, soften

DEEP = (*FORMATS, "yuv410p", "yuv444p16le")
PART = Region(20, 10, 61, 45)
BEYOND = [Region(-9, 0, 0, 20), Region(91, 5, 99, 30), Region(5, 80, 30, 90), Region(5, 5, 5, 9)]


def copied(picture: Picture) -> Picture:
    return Picture(picture.format, tuple(plane.copy() for plane in picture.planes))


def cut(picture: Picture, region: Region) -> list[Array]:
    """The planes' samples in a region."""
    left, top, right, bottom = region
    steps = zip(picture.planes, steps_of(picture.format), strict=True)
    return [plane[top // y : -(-bottom // y), left // x : -(-right // x)] for plane, (x, y) in steps]


def outside(picture: Picture, region: Region) -> Picture:
    """The picture with nothing in the region."""
    blank = copied(picture)
    for part in cut(blank, region):
        part[:] = 0
    return blank


Change = Callable[[Picture, Region], None]


def draw(picture: Picture, region: Region) -> None:
    outline(picture, region, 4, codes_of("green", picture.format, is_full(picture.format)))


def mosaic(picture: Picture, region: Region) -> None:
    pixelate(picture, region, 8)


def blur(picture: Picture, region: Region) -> None:
    soften(picture, region, 6)


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("hide", [mosaic, blur])
def test_what_is_hidden_is_hidden_and_the_rest_stays(hide: Change, name: str) -> None:
    before = noise(name, 90, 70)
    hidden = copied(before)
    hide(hidden, PART)
    assert same(outside(hidden, PART), outside(before, PART))
    for now, then in zip(cut(hidden, PART), cut(before, PART), strict=True):
        assert now.std() < 0.6 * then.std()


@pytest.mark.parametrize("name", DEEP)
def test_a_cell_has_one_colour(name: str) -> None:
    picture = noise(name, 90, 70)
    pixelate(picture, Region(0, 0, 64, 48), 16)
    for part, (across, down) in zip(cut(picture, Region(0, 0, 64, 48)), steps_of(name), strict=True):
        high, wide = 16 // down, 16 // across
        for y, x in np.ndindex(3, 4):
            cell = part[y * high : (y + 1) * high, x * wide : (x + 1) * wide]
            assert (cell == cell[0, 0]).all()


def test_a_cell_is_the_mean_of_what_it_hides() -> None:
    picture = noise("yuv420p", 64, 64)
    truth = picture.planes[0][:16, 16:32].mean()
    pixelate(picture, Region(0, 0, 64, 64), 16)
    assert abs(int(picture.planes[0][3, 20]) - truth) <= 0.5


def test_softening_is_a_gaussian_blur_near_enough() -> None:
    picture = noise("gray", 200, 200)
    truth = cv2.GaussianBlur(picture.array, (0, 0), 5)[40:160, 40:160].astype(float)
    soften(picture, Region(0, 0, 200, 200), 5)
    assert np.abs(picture.array[40:160, 40:160] - truth).mean() < 1


def test_softening_lets_nothing_in_from_beside() -> None:
    picture = Picture("gray", (np.zeros((60, 60), np.uint8),))
    picture.array[:, 30:] = 255
    soften(picture, Region(0, 0, 30, 60), 10)
    assert not picture.array[:, :30].any()


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("region", [Region(-30, -30, 8, 9), Region(85, 65, 200, 90), Region(-3, 20, 300, 40)])
@pytest.mark.parametrize("change", [draw, mosaic, blur])
def test_what_hangs_over_the_edge_is_done_as_far_as_it_is_seen(change: Change, region: Region, name: str) -> None:
    before = noise(name, 90, 70)
    picture = copied(before)
    change(picture, region)
    seen = Region(max(0, region.left), max(0, region.top), min(90, region.right), min(70, region.bottom))
    assert same(outside(picture, seen), outside(before, seen))
    assert not same(picture, before)


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("region", BEYOND)
@pytest.mark.parametrize("change", [draw, mosaic, blur])
def test_what_lies_beyond_the_picture_changes_nothing(change: Change, region: Region, name: str) -> None:
    before = noise(name, 90, 70)
    picture = copied(before)
    change(picture, region)
    assert same(picture, before)


@pytest.mark.parametrize("change", [draw, mosaic, blur])
def test_a_region_of_a_few_pixels_is_changed_alone(change: Change) -> None:
    before = noise("gray", 90, 70)
    picture = copied(before)
    change(picture, Region(5, 5, 8, 6))
    assert same(outside(picture, Region(5, 5, 8, 6)), outside(before, Region(5, 5, 8, 6)))


@pytest.mark.parametrize("name", DEEP)
def test_an_outline_is_as_wide_as_asked_for_and_leaves_the_inside(name: str) -> None:
    before = noise(name, 96, 72)
    picture = copied(before)
    codes = codes_of("blue", name, is_full(name))
    outline(picture, Region(16, 8, 80, 64), 8, codes)
    inner = Region(24, 16, 72, 56)
    assert same(outside(picture, Region(16, 8, 80, 64)), outside(before, Region(16, 8, 80, 64)))
    assert all(np.array_equal(a, b) for a, b in zip(cut(picture, inner), cut(before, inner), strict=True))
    for part, code in zip(cut(outside(picture, inner), Region(16, 8, 80, 64)), codes, strict=True):
        ring = part[part.reshape(*part.shape[:2], -1).any(-1)]
        assert (ring == code).all()


@pytest.mark.parametrize("color", COLORS)
def test_colours_are_what_opencv_makes_of_them(color: str) -> None:
    red, green, blue = COLORS[color]
    full = cv2.cvtColor(np.full((2, 2, 3), (blue, green, red), np.uint8), cv2.COLOR_BGR2YUV)[0, 0]
    assert np.allclose(codes_of(color, "yuvj444p", True)[0], full[0], atol=1)
    limited = cv2.cvtColor(np.full((2, 2, 3), (blue, green, red), np.uint8), cv2.COLOR_BGR2YUV_I420).ravel()
    assert np.allclose(codes_of(color, "yuv420p", False), limited[[0, 4, 5]], atol=1)
    assert np.allclose(codes_of(color, "yuv422p10le", False), limited[[0, 4, 5]] * 4.0, atol=4)
    assert bits_of("yuv422p10le") == 10
