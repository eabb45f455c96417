"""Filters that change each sample by itself, against the formula in floating point: exact but for the last rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.filters.applying import FORMATS, YUV, applied, is_full, same
from tests.filters.pictures import bits_of, noise
from vidproc.filters.contract import Picture

Real = NDArray[np.float64]


def brightness(picture: Picture) -> Real:
    """Y from 0, black, to 1, white."""
    black, white = limits(picture.format)
    return (picture.planes[0].astype(float) - black) / (white - black)


def limits(name: str) -> tuple[int, int]:
    unit = 1 << (bits_of(name) - 8)
    return (0, 256 * unit - 1) if is_full(name) else (16 * unit, 235 * unit)


def expected(picture: Picture, value: Real) -> NDArray[Any]:
    black, white = limits(picture.format)
    codes = np.rint(value * (white - black) + black)
    return np.clip(codes, 0, (1 << bits_of(picture.format)) - 1).astype(picture.planes[0].dtype)


@pytest.mark.parametrize("name", FORMATS)
def test_invert(name: str) -> None:
    picture = noise(name, 61, 47)
    luma, *chroma = applied("invert", picture).planes
    if name == "bgr24":
        assert np.array_equal(luma, 255 - picture.array)
        return
    assert np.array_equal(luma, expected(picture, 1 - brightness(picture)))
    top, neutral = (1 << bits_of(name)) - 1, 1 << (bits_of(name) - 1)
    for before, after in zip(picture.planes[1:], chroma, strict=True):
        assert np.array_equal(after, np.minimum(2 * neutral - before.astype(int), top))


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p10le", "yuv444p16le", "gray"])
@pytest.mark.parametrize(
    ("params", "curve"),
    [
        ({"brightness": 0.25}, lambda v: v + 0.25),
        ({"contrast": 1.7}, lambda v: (v - 0.5) * 1.7 + 0.5),
        ({"gamma": 2.2}, lambda v: np.clip(v, 0, 1) ** (1 / 2.2)),
        ({"gamma": 0.5, "contrast": 0.8, "brightness": -0.1}, lambda v: np.clip((v - 0.5) * 0.8 + 0.4, 0, 1) ** 2),
    ],
)
def test_adjust_changes_brightness_alone(
    name: str, params: dict[str, float], curve: Callable[[Real], Real]
) -> None:
    picture = noise(name, 61, 47)
    luma, *chroma = applied("adjust", picture, **params).planes
    assert np.array_equal(luma, expected(picture, np.clip(curve(brightness(picture)), 0, 1)))
    assert all(np.array_equal(one, other) for one, other in zip(picture.planes[1:], chroma, strict=True))


@pytest.mark.parametrize("name", YUV)
def test_saturation_changes_colour_alone(name: str) -> None:
    picture = noise(name, 61, 47)
    luma, *chroma = applied("adjust", picture, saturation=1.5).planes
    assert np.array_equal(luma, picture.planes[0])
    top, neutral = (1 << bits_of(name)) - 1, 1 << (bits_of(name) - 1)
    for before, after in zip(picture.planes[1:], chroma, strict=True):
        assert np.array_equal(after, np.clip(np.rint((before.astype(float) - neutral) * 1.5 + neutral), 0, top))


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuvj420p", "gray"])
@pytest.mark.parametrize("gamma", [0.3, 1.8, 10.0])
def test_black_stays_black_and_white_white(name: str, gamma: float) -> None:
    black, white = limits(name)
    for code in (black, white):
        flat = Picture(name, tuple(np.full_like(plane, code) for plane in noise(name, 8, 8).planes))
        assert (applied("adjust", flat, gamma=gamma).planes[0] == code).all()


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gray"])
def test_nothing_adjusted_is_nothing_changed(name: str) -> None:
    picture = noise(name, 61, 47)
    assert same(applied("adjust", picture), picture)


@pytest.mark.parametrize("name", YUV)
def test_grayscale_keeps_brightness_and_no_colour(name: str) -> None:
    picture = noise(name, 61, 47)
    luma, *chroma = applied("grayscale", picture).planes
    assert np.array_equal(luma, picture.planes[0])
    assert all((plane == 1 << (bits_of(name) - 1)).all() for plane in chroma)


def test_grayscale_leaves_gray_as_it_is() -> None:
    picture = noise("gray", 61, 47)
    assert same(applied("grayscale", picture), picture)
