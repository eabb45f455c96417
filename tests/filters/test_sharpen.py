"""Sharpening, against its formula in floating point: within one code, since the blur in it is rounded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.filters.applying import applied
from tests.filters.pictures import bits_of, noise


@pytest.mark.parametrize("name", ["yuv420p", "yuvj420p", "yuv422p10le", "yuv444p16le", "gray"])
@pytest.mark.parametrize(("amount", "ksize"), [(1.0, 5), (0.0, 3), (2.5, 9)])
def test_what_a_blur_takes_away_is_added(name: str, amount: float, ksize: int) -> None:
    picture = noise(name, 61, 47)
    luma, *chroma = applied("sharpen", picture, amount=amount, ksize=ksize).planes
    before = picture.planes[0].astype(float)
    kernel = cv2.getGaussianKernel(ksize, 0)
    blurred = cv2.sepFilter2D(before, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    truth = np.clip(before + amount * (before - blurred), 0, (1 << bits_of(name)) - 1)
    assert np.abs(luma - truth).max() <= 0.5 + 0.5 * amount + 0.01
    assert all(np.array_equal(one, other) for one, other in zip(picture.planes[1:], chroma, strict=True))
