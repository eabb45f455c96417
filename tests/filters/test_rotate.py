"""Turns, against NumPy's quarter turns and OpenCV's any angle."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.filters.applying import FORMATS, applied, same
from tests.filters.pictures import bits_of, noise, smooth_bgr
from vidproc import filters
from vidproc.filters.contract import Picture, Shape

ROTATE = filters.get("rotate")


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv444p10le", "yuv410p", "gray", "bgr24"])
@pytest.mark.parametrize(("angle", "turns"), [(90, 3), (180, 2), (270, 1), (-90, 1), (-180, 2), (360, 0), (0, 0)])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47)])
def test_quarter_turns_move_samples_and_no_more(name: str, angle: float, turns: int, width: int, height: int) -> None:
    picture = noise(name, width, height)
    for before, after in zip(picture.planes, applied("rotate", picture, angle=angle).planes, strict=True):
        assert np.array_equal(after, np.rot90(before, turns))


@pytest.mark.parametrize("name", ["yuv422p", "yuv422p10le", "yuv440p"])
def test_chroma_of_uneven_steps_is_interpolated(name: str) -> None:
    """Twice along one axis, half along the other: turned back again, smooth colours are within 1 % of full scale."""
    top = (1 << bits_of(name)) - 1
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    wave = np.rint((np.sin(x / 9) * np.cos(y / 11) + 1) / 2 * top)
    planes = noise(name, 64, 48).planes
    smooth = [cv2.resize(wave, plane.shape[::-1], interpolation=cv2.INTER_AREA).astype(plane.dtype) for plane in planes]
    there = applied("rotate", Picture(name, tuple(smooth)), angle=90)
    assert np.array_equal(there.planes[0], np.rot90(smooth[0], 3))
    for before, after in zip(smooth, applied("rotate", there, angle=270).planes, strict=True):
        assert np.abs(after.astype(float) - before).mean() <= 0.01 * top


def test_width_and_height_change_places_with_the_shape_of_pixels() -> None:
    shape = Shape(720, 576, Fraction(16, 15))
    turned = [ROTATE.shape_after(shape, ROTATE.resolve({"angle": angle})) for angle in (90, -90, 180, 45)]
    assert turned == [Shape(576, 720, Fraction(15, 16))] * 2 + [shape] * 2
    assert ROTATE.shape_after(Shape(4, 2), ROTATE.resolve({})) == Shape(2, 4)


BLACK = {"yuv420p": 16, "yuvj420p": 0, "yuv422p10le": 64, "gray": 0, "bgr24": 0}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47)])
@pytest.mark.parametrize("angle", [10.0, -33.0, 200.0])
def test_any_angle_is_opencvs_about_the_middle(name: str, width: int, height: int, angle: float) -> None:
    picture = noise(name, width, height)
    found = applied("rotate", picture, angle=angle).planes[0]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1)
    truth = cv2.warpAffine(picture.planes[0], matrix, (width, height), borderValue=(BLACK[name],) * 3)
    assert np.abs(found.astype(int) - truth).max() <= 1 << (bits_of(name) - 8)  # where a coordinate is rounded
    edge = applied("rotate", picture, angle=angle, border="edge").planes[0]
    assert not np.array_equal(edge, found)


def test_colour_turns_with_brightness() -> None:
    """Turning planes looks like turning RGB: above 33 dB where colours have hard edges, and corners have none."""
    bgr = smooth_bgr(320, 240)
    stacked = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    planes = (stacked[:240], stacked[240:300].reshape(120, 160), stacked[300:].reshape(120, 160))
    found = applied("rotate", Picture("yuv420p", planes), angle=30).planes
    matrix = cv2.getRotationMatrix2D((159.5, 119.5), -30, 1)
    truth = cv2.cvtColor(cv2.warpAffine(bgr, matrix, (320, 240)), cv2.COLOR_BGR2YUV_I420)
    for plane, chroma in zip(found[1:], (truth[240:300], truth[300:]), strict=True):
        assert cv2.PSNR(chroma.reshape(120, 160), np.ascontiguousarray(plane)) > 33
        assert plane[0, 0] == plane[-1, -1] == 128


def test_a_full_turn_gives_the_picture_itself() -> None:
    picture = noise("yuv420p", 61, 47)
    assert same(applied("rotate", picture, angle=-360), picture)
