"""Words on the picture, against OpenCV's plain drawing, and where and how they may be."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.filters.applying import FORMATS, applied, same
from tests.filters.pictures import bits_of, noise
from vidproc import filters
from vidproc.errors import BadParameterError
from vidproc.filters.contract import Picture

LIMITS = {"yuv420p": (16, 235), "yuvj420p": (0, 255), "yuv422p10le": (64, 940), "gray": (0, 255), "bgr24": (0, 255)}


def flat(name: str, width: int = 161, height: int = 119) -> Picture:
    """Middle gray on a strong colour."""
    unit = 1 << (bits_of(name) - 8)
    codes = (126 * unit, 40 * unit, 220 * unit)
    planes = noise(name, width, height).planes
    return Picture(name, tuple(np.full_like(plane, code) for plane, code in zip(planes, codes, strict=False)))


def test_gray_is_drawn_as_opencv_draws_an_outline_and_letters() -> None:
    """Within 3 levels: strokes lie over one another where they meet, and each is rounded."""
    found = applied("text", flat("gray"), text="Vid 7", position="top-left", size=20).array
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, 20, 2)
    (_, height), _ = cv2.getTextSize("Vid 7", cv2.FONT_HERSHEY_SIMPLEX, scale, 4)
    truth, at = flat("gray").array, (10 + 4, 10 + 4 + height)
    for colour, thickness in ((0, 4), (255, 2)):
        cv2.putText(truth, "Vid 7", at, cv2.FONT_HERSHEY_SIMPLEX, scale, (colour,), thickness, cv2.LINE_AA)
    assert np.abs(found.astype(int) - truth).max() <= 3
    assert truth.min() <= 1
    assert truth.max() == 255


@pytest.mark.parametrize("name", FORMATS)
def test_letters_are_white_their_outline_black_and_both_without_colour(name: str) -> None:
    black, white = LIMITS[name]
    before, after = flat(name), applied("text", flat(name), text="HHH", size=40, position="center")
    luma = after.planes[0]
    assert {black, white} <= set(np.unique(luma)) <= set(range(black, white + 1))
    neutral = 1 << (bits_of(name) - 1)
    step = [-(-161 // plane.shape[1]) for plane in after.planes]
    for plane, across, old in zip(after.planes[1:], step[1:], before.planes[1:], strict=True):
        down = -(-119 // plane.shape[0])
        under = luma[::down, ::across] == white
        beside = np.roll(under, 1, 1) & np.roll(under, -1, 1) & under
        assert (plane[beside] == neutral).all()
        assert beside.any()
        assert plane[0, 0] == old[0, 0]


@pytest.mark.parametrize("name", FORMATS)
def test_only_where_it_was_put(name: str) -> None:
    for position, corner in {"top-left": np.s_[60:, 80:], "bottom-right": np.s_[:60, :80]}.items():
        before, after = noise(name, 161, 119), applied("text", noise(name, 161, 119), position=position, size=12)
        assert np.array_equal(before.planes[0][corner], after.planes[0][corner])
        assert not np.array_equal(before.planes[0], after.planes[0])


def test_the_frames_number_is_written() -> None:
    for rank in (0, 1234):
        numbered = applied("text", flat("yuv420p"), rank=rank, text="at {frame}!")
        assert same(numbered, applied("text", flat("yuv420p"), text=f"at {rank}!"))
    assert not same(numbered, applied("text", flat("yuv420p"), text="at {frame}!"))


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (Fraction(0), "00:00:00.000"),
        (Fraction(1001, 24000), "00:00:00.042"),
        (Fraction(59_999_600, 10**6), "00:01:00.000"),
        (Fraction(360_001_234, 1000), "100:00:01.234"),
    ],
)
def test_the_frames_time_is_written_to_the_thousandth(time: Fraction, words: str) -> None:
    timed = applied("text", flat("yuv420p"), rank=7, time=time, text="{time} ({frame})")
    assert same(timed, applied("text", flat("yuv420p"), text=f"{words} (7)"))


@pytest.mark.parametrize("name", FORMATS)
def test_words_that_do_not_fit_are_cut(name: str) -> None:
    result = applied("text", flat(name, 31, 9), text="far too long for this", size=60, position="center")
    assert (result.width, result.height) == (31, 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("at {times}", "text: text must have no placeholder but {frame} and {time}, not {times}"),
        ("{}", "text: text must have no placeholder but {frame} and {time}, not {}"),
        ("für", "text: text must be at most 200 printable ASCII characters, which is all the font has"),
        ("two\nlines", "text: text must be at most 200 printable ASCII characters, which is all the font has"),
        ("x" * 201, "text: text must be at most 200 printable ASCII characters, which is all the font has"),
    ],
)
def test_what_cannot_be_written_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadParameterError) as caught:
        filters.get("text").resolve({"text": text})
    assert str(caught.value) == words
