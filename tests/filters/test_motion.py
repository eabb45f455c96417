"""Motion: the difference to the frame before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.filters.pictures import noise, room_like
from vidproc import filters
from vidproc.filters.contract import Picture

MOTION = filters.get("motion")
BEFORE, NOW = noise("gray", 33, 21, seed=1), noise("gray", 33, 21, seed=2)
CHANGE = np.abs(NOW.array.astype(int) - BEFORE.array)


def change(before: Picture | None, **params: int) -> Picture:
    room = room_like(NOW)
    result: Picture = MOTION.apply((before, NOW), room, **MOTION.resolve(params))
    assert result is room
    return result


def test_what_is_seen_is_how_much_each_pixel_changed() -> None:
    assert np.array_equal(change(BEFORE).array, CHANGE)


def test_the_first_frame_is_black() -> None:
    assert not change(None).array.any()


@pytest.mark.parametrize("threshold", [1, 40, 255])
def test_changes_up_to_the_threshold_are_black(threshold: int) -> None:
    assert np.array_equal(change(BEFORE, threshold=threshold).array, np.where(threshold < CHANGE, CHANGE, 0))
