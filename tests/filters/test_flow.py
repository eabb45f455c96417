"""Optical flow: where things went, as OpenCV sees it, and the colours it is drawn in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.filters.applying import written
from tests.filters.pictures import noise, room_like
from vidproc.filters.contract import Array, Picture
from vidproc.model import ParamValue

PRESETS = ["ultrafast", "fast", "medium"]
KINDS = ["flow", "farneback"]
STILL = {"flow": 0, "farneback": 33}
"""How bright a scene can be that does not move: Farneback's method sees up to a pixel where there is little to see."""


def scene(width: int, height: int) -> Array:
    soft = cv2.GaussianBlur(noise("gray", width, height).array, (0, 0), 3)
    return cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload, no-any-return]


def pair(width: int, height: int, right: int, down: int) -> tuple[Picture, Picture]:
    """Two frames of a scene that moves."""
    whole = scene(width + 32, height + 32)
    cut = (whole[16 - n * down :, 16 - n * right :][:height, :width] for n in (0, 1))
    before, now = (Picture("gray", (np.ascontiguousarray(each),)) for each in cut)
    return before, now


def room_filled_with(picture: Picture) -> Picture:
    room = room_like(picture)
    room.array[:] = picture.array
    return room


def coloured(flow: Array, scale: float) -> Array:
    """Hue by direction in half degrees, brightness by distance."""
    length, degrees = cv2.cartToPolar(flow[..., 0], flow[..., 1], angleInDegrees=True)
    hsv = np.full((*length.shape, 3), 255, np.uint8)
    hsv[..., 0], hsv[..., 2] = np.rint(degrees / 2), np.rint(np.minimum(length * np.float32(scale), 255))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("width", "height"), [(61, 47), (333, 201), (40, 121)])
def test_flow_is_opencvs_dis(preset: str, width: int, height: int) -> None:
    before, now = pair(width, height, 3, 1)
    method = cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset.upper()}"))
    truth = method.calc(before.array, now.array, None)  # type: ignore[call-overload]
    result = written("motion", before, now, kind="flow", preset=preset, scale=20).array
    assert np.array_equal(result, coloured(truth, 20))


@pytest.mark.parametrize(
    ("params", "like_opencv"),
    [
        ({}, (0.5, 3, 15, 3, 5, 1.1)),
        ({"pyr_scale": 0.8, "levels": 5, "winsize": 21, "iterations": 2}, (0.8, 5, 21, 2, 5, 1.1)),
        ({"poly_n": 7, "poly_sigma": "1.5"}, (0.5, 3, 15, 3, 7, 1.5)),
    ],
)
@pytest.mark.parametrize(("width", "height"), [(61, 47), (20, 90)])
def test_farneback_is_opencvs(
    params: dict[str, ParamValue], like_opencv: tuple[float, ...], width: int, height: int
) -> None:
    before, now = pair(width, height, 2, 1)
    truth = cv2.calcOpticalFlowFarneback(before.array, now.array, None, *like_opencv, 0)  # type: ignore[call-overload]
    assert np.array_equal(written("motion", before, now, kind="farneback", **params).array, coloured(truth, 32))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("right", "down", "hue"), [(3, 0, 0), (0, 3, 45), (-3, 0, 90), (0, -3, 135)], ids=["red", "lime", "cyan", "violet"]
)
def test_the_hue_is_the_direction_and_the_brightness_the_distance(kind: str, right: int, down: int, hue: int) -> None:
    before, now = pair(120, 90, right, down)
    seen = cv2.cvtColor(written("motion", before, now, kind=kind, scale=40).array, cv2.COLOR_BGR2HSV)
    middle = seen[20:-20, 20:-20].astype(float)
    turned = (middle[..., 0] - hue + 90) % 180 - 90
    assert abs(np.median(turned)) <= 2
    assert np.median(middle[..., 2]) == pytest.approx(3 * 40, abs=12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_nothing_before_it_or_does_not_move_is_black(kind: str) -> None:
    before, now = pair(61, 47, 3, 1)
    assert not written("motion", None, now, kind=kind).array.any()
    assert written("motion", before, before, kind=kind).array.max() <= STILL[kind]
    assert not written("motion", before, now, kind=kind, scale=0).array.any()


@pytest.mark.parametrize(("kind", "params"), [("farneback", {}), *(("flow", {"preset": each}) for each in PRESETS)])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (11, 9), (3, 200), (320, 18), (320, 24), (1000, 31)])
def test_pictures_on_which_opencv_gives_up_or_falls_over(
    kind: str, params: dict[str, ParamValue], width: int, height: int
) -> None:
    before, now = pair(width, height, 1, 1)
    assert written("motion", before, now, kind=kind, **params).array.shape == (height, width, 3)
    assert written("motion", before, before, kind=kind, **params).array.max() <= STILL[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_may_have_gaps_between_them(kind: str) -> None:
    before, now = pair(61, 47, 3, 1)
    result = written("motion", room_filled_with(before), room_filled_with(now), kind=kind).array
    assert np.array_equal(result, written("motion", before, now, kind=kind).array)


def test_a_picture_of_another_size_leaves_no_trace() -> None:
    large, small = pair(400, 300, 2, 1), pair(61, 47, 2, 1)
    alone = written("motion", *large, kind="flow").array.copy()
    written("motion", *small, kind="flow")
    assert np.array_equal(written("motion", *large, kind="flow").array, alone)
