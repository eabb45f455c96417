"""Taking noise away: by the formula, and for the better."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tests.filters.applying import applied
from tests.filters.pictures import bits_of, noise, smooth_bgr
from vidproc.filters.contract import Picture

FORMATS = ["yuv420p", "yuvj420p", "yuv422p10le", "gray"]


def lee(plane: NDArray[Any], sigma: float) -> NDArray[np.float64]:
    around = sliding_window_view(np.pad(plane.astype(float), 2, "reflect"), (5, 5))
    mean, variance = around.mean((2, 3)), around.var((2, 3))
    truth: NDArray[np.float64] = plane + (mean - plane) * sigma**2 / np.maximum(variance, sigma**2)
    return truth


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("strength", [3.0, 60.0, 100.0])
def test_wiener_is_lees_filter_on_each_plane(name: str, strength: float) -> None:
    """Within 0.6 of a code: the last rounding, and 32-bit floats."""
    picture = noise(name, 61, 47)
    sigma = strength * (1 << (bits_of(name) - 8))
    for before, after in zip(picture.planes, applied("denoise", picture, strength=strength).planes, strict=True):
        assert np.abs(after - lee(before, sigma)).max() <= 0.6


@pytest.mark.parametrize("name", ["yuv420p", "gray"])
def test_nlmeans_is_opencvs(name: str) -> None:
    picture = noise(name, 61, 47)
    for before, after in zip(picture.planes, applied("denoise", picture, kind="nlmeans").planes, strict=True):
        assert np.array_equal(after, cv2.fastNlMeansDenoising(before, None, 5.0))


@pytest.mark.parametrize("kind", ["wiener", "nlmeans"])
@pytest.mark.parametrize("bits", [8, 10])
def test_noise_of_the_given_strength_goes_and_edges_stay(kind: str, bits: int) -> None:
    """At least 4 dB closer to the clean picture."""
    clean = smooth_bgr(160, 120)[..., 1].astype(float) * (1 << (bits - 8))
    unit, top = 1 << (bits - 8), (1 << bits) - 1
    grain = np.random.default_rng(1).normal(0, 6 * unit, clean.shape)
    noisy = np.clip(np.rint(clean + grain), 0, top).astype(np.uint8 if bits == 8 else np.uint16)
    name = "yuv444p" if bits == 8 else "yuv444p10le"
    found = applied("denoise", Picture(name, (noisy,) * 3), kind=kind, strength=7.0).planes
    for plane in found:
        assert np.square(plane - clean).mean() < np.square(noisy - clean).mean() / 10**0.4
