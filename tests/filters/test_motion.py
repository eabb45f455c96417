"""Motion by the difference to the frame before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.filters.applying import written
from tests.filters.pictures import noise

BEFORE, NOW = noise("gray", 33, 21, seed=1), noise("gray", 33, 21, seed=2)
CHANGE = np.abs(NOW.array.astype(int) - BEFORE.array)


def test_what_is_seen_is_how_much_each_pixel_changed() -> None:
    assert np.array_equal(written("motion", BEFORE, NOW).array, CHANGE)


def test_the_first_frame_is_black() -> None:
    assert not written("motion", None, NOW).array.any()


@pytest.mark.parametrize("threshold", [1, 40, 255])
def test_changes_up_to_the_threshold_are_black(threshold: int) -> None:
    seen = written("motion", BEFORE, NOW, threshold=threshold).array
    assert np.array_equal(seen, np.where(threshold < CHANGE, CHANGE, 0))
