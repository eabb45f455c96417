"""Mirrors, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.filters.applying import FORMATS, applied
from tests.filters.pictures import noise

SLICES = {
    "horizontal": np.s_[:, ::-1],
    "vertical": np.s_[::-1],
    "both": np.s_[::-1, ::-1],
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("direction", SLICES)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47)])
def test_each_plane_is_mirrored(name: str, direction: str, width: int, height: int) -> None:
    picture = noise(name, width, height)
    for before, after in zip(picture.planes, applied("flip", picture, direction=direction).planes, strict=True):
        assert np.array_equal(after, before[SLICES[direction]])
