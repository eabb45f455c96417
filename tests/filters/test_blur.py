"""Gaussian blur, against OpenCV's own and against the blur of the same pixels in RGB."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.filters.applying import written
from tests.filters.pictures import noise, smooth_bgr
from vidproc.filters.contract import Picture


@pytest.mark.parametrize("name", ["gray", "bgr24", "yuv444p", "yuv444p10le", "yuv444p16le"])
@pytest.mark.parametrize(("ksize", "sigma"), [(1, 0.0), (5, 0.0), (15, 0.0), (9, 1.25)])
def test_planes_of_full_size_are_blurred_as_opencv_does(name: str, ksize: int, sigma: float) -> None:
    picture = noise(name, 61, 47)
    for before, after in zip(picture.planes, written("blur", picture, ksize=ksize, sigma=sigma).planes, strict=True):
        assert np.array_equal(after, cv2.GaussianBlur(before, (ksize, ksize), sigma))


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuv420p10le"])
@pytest.mark.parametrize(("width", "height"), [(61, 47), (1, 1), (2, 1), (3, 255)])
def test_any_subsampling_and_size_is_filled_completely(name: str, width: int, height: int) -> None:
    flat = Picture(name, tuple(np.full_like(plane, 200) for plane in noise(name, width, height).planes))
    assert all((plane == 200).all() for plane in written("blur", flat, ksize=31).planes)


def test_the_input_is_left_alone() -> None:
    picture = noise("yuv420p", 64, 48)
    for plane in picture.planes:
        plane.flags.writeable = False
    before = [plane.copy() for plane in picture.planes]
    written("blur", picture)
    assert all(np.array_equal(one, other) for one, other in zip(before, picture.planes, strict=True))


@pytest.mark.parametrize("ksize", [3, 5, 15, 31])
def test_blurring_planes_looks_like_blurring_rgb(ksize: int) -> None:
    """Above 40 dB in brightness and colour alike."""
    bgr = smooth_bgr(320, 240)
    stacked = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    planes = (stacked[:240], stacked[240:300].reshape(120, 160), stacked[300:].reshape(120, 160))
    result = written("blur", Picture("yuv420p", planes), ksize=ksize)
    truth = cv2.cvtColor(cv2.GaussianBlur(bgr, (ksize, ksize), 0), cv2.COLOR_BGR2YUV_I420)
    assert cv2.PSNR(truth[:240], result.planes[0]) > 40
    assert cv2.PSNR(truth[240:300].reshape(120, 160), result.planes[1]) > 40
    assert cv2.PSNR(truth[300:].reshape(120, 160), result.planes[2]) > 40


def _spread(row: NDArray[np.uint8]) -> float:
    """The standard deviation of the kernel that made this row of a step."""
    kernel = np.diff(row.astype(float))
    at = np.arange(len(kernel)) - (kernel @ np.arange(len(kernel))) / kernel.sum()
    return float(np.sqrt(kernel @ at**2 / kernel.sum()))


@pytest.mark.parametrize("ksize", [5, 9, 21, 51])
def test_chroma_at_half_size_gets_half_the_blur(ksize: int) -> None:
    step = np.repeat(np.array([0, 200], np.uint8), 64)[None].repeat(32, 0)
    half = np.ascontiguousarray(step[:, ::2])
    _, at_full_size, _ = written("blur", Picture("yuv444p", (step, step, step)), ksize=ksize).planes
    _, at_half_size, _ = written("blur", Picture("yuv422p", (step, half, half)), ksize=ksize).planes
    assert 2 * _spread(at_half_size[0]) == pytest.approx(_spread(at_full_size[0]), rel=0.1)
