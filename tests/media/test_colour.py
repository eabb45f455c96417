"""Matrices and tables against the numbers that the standards print."""

from __future__ import annotations

import numpy as np
import pytest

from vidproc.media.colour import (
    BT601,
    BT709,
    BT2020,
    bgr_to_yuv,
    gray_to_luma,
    is_full,
    luma_to_gray,
    matrix_of,
    yuv_to_bgr,
)
from vidproc.model import Colour


@pytest.mark.parametrize(
    ("matrix", "rgb", "yuv"),
    [
        # 100 % colour bars in 8-bit limited range: yellow, cyan, green, magenta, red, blue.
        (BT601, (255, 255, 0), (210, 16, 146)),
        (BT601, (0, 255, 255), (170, 166, 16)),
        (BT601, (255, 0, 0), (81, 90, 240)),
        (BT601, (0, 0, 255), (41, 240, 110)),
        (BT709, (255, 255, 0), (219, 16, 138)),
        (BT709, (0, 255, 255), (188, 154, 16)),
        (BT709, (0, 255, 0), (173, 42, 26)),
        (BT709, (255, 0, 255), (78, 214, 230)),
        (BT709, (255, 0, 0), (63, 102, 240)),
        (BT709, (0, 0, 255), (32, 240, 118)),
        (BT2020, (255, 0, 0), (74, 97, 240)),
        (BT2020, (0, 0, 255), (29, 240, 119)),
        (BT709, (255, 255, 255), (235, 128, 128)),
        (BT709, (0, 0, 0), (16, 128, 128)),
    ],
)
def test_colour_bars_have_the_codes_of_the_standard(
    matrix: int, rgb: tuple[int, int, int], yuv: tuple[int, int, int]
) -> None:
    codes = bgr_to_yuv(matrix, False, 8) @ np.array([*rgb[::-1], 1])
    assert tuple(np.rint(codes).astype(int)) == yuv
    ten_bits = bgr_to_yuv(matrix, False, 10) @ np.array([*rgb[::-1], 1])
    assert np.allclose(ten_bits, codes * 4)


@pytest.mark.parametrize("matrix", [BT601, BT709, BT2020])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_back_and_forth_is_the_identity(matrix: int, full: bool, bits: int) -> None:
    forth, back = bgr_to_yuv(matrix, full, bits), yuv_to_bgr(matrix, full, bits)
    both = back[:, :3] @ forth[:, :3], back[:, :3] @ forth[:, 3] + back[:, 3]
    assert np.allclose(both[0], np.eye(3))
    assert np.allclose(both[1], 0)


def test_a_matrix_that_is_not_said_is_guessed_by_size_as_players_do() -> None:
    sizes = [(640, 480), (720, 576), (1024, 576), (720, 577), (1280, 534), (1920, 1080)]
    guessed = [matrix_of(Colour(), *size) for size in sizes]
    assert guessed == [BT601, BT601, BT601, BT709, BT709, BT709]
    assert matrix_of(Colour(matrix=0), 1920, 1080) == BT709
    assert matrix_of(Colour(matrix=5), 1920, 1080) == 5
    assert matrix_of(Colour(matrix=9), 64, 48) == BT2020


def test_a_range_that_is_not_said_is_limited() -> None:
    assert [is_full(Colour(range=each)) for each in (0, 1, 2)] == [False, False, True]


def test_tables_between_luma_and_gray() -> None:
    stretched = luma_to_gray(False, 8)
    assert [stretched[code] for code in (0, 15, 16, 17, 126, 235, 236, 255)] == [0, 0, 0, 1, 128, 255, 255, 255]
    squeezed = gray_to_luma(False, 8)
    assert (squeezed[0], squeezed[255]) == (16, 235)
    assert np.array_equal(squeezed[stretched[16:236]], np.arange(16, 236))
    assert np.array_equal(luma_to_gray(True, 8), np.arange(256))
    assert np.array_equal(gray_to_luma(True, 8), np.arange(256))
    assert len(luma_to_gray(False, 10)) == 1024
    assert np.array_equal(luma_to_gray(False, 10)[gray_to_luma(False, 10)], np.arange(256))
