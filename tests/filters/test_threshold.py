"""Threshold, against a plain reading of each rule."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.filters.applying import applied
from tests.filters.pictures import noise
from vidproc.filters.contract import Picture

SCENE = cv2.GaussianBlur(noise("gray", 161, 119).array, (9, 9), 0)


@pytest.mark.parametrize("level", [0, 100, 127, 255])
def test_what_is_brighter_than_the_level_is_white(level: int) -> None:
    picture = noise("gray", 61, 47)
    assert np.array_equal(applied("threshold", picture, level=level).array, np.where(picture.array > level, 255, 0))


def test_otsus_level_parts_the_picture_best() -> None:
    """The least variance within both parts, found by trying all levels."""
    levels = range(int(SCENE.min()), int(SCENE.max()))
    within = {level: sum(part.size * part.var() for part in (SCENE[level < SCENE], SCENE[level >= SCENE]))
              for level in levels}  # fmt: skip
    best = min(within, key=within.__getitem__)
    assert np.array_equal(applied("threshold", Picture("gray", (SCENE,)), kind="otsu").array, (best < SCENE) * 255)


def test_adaptive_compares_with_the_mean_around() -> None:
    found = applied("threshold", Picture("gray", (SCENE,)), kind="adaptive", block=15, offset=3.0).array
    mean = cv2.blur(SCENE.astype(float), (15, 15), borderType=cv2.BORDER_REPLICATE)
    assert np.array_equal(found, (np.rint(mean) - 3 < SCENE) * 255)
    assert 0 < np.count_nonzero(found) < found.size
