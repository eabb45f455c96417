from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.media import clips
from vidproc.filters.contract import Array
from vidproc.media.probe import probe
from vidproc.media.showing import Posture, gif, jpeg

ONE = 1 << 16
AS_IT_IS = (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
QUARTERS = {
    cv2.ROTATE_90_CLOCKWISE: (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
    cv2.ROTATE_180: (-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    cv2.ROTATE_90_COUNTERCLOCKWISE: (0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
}


def picture(width: int, height: int, seed: int = 1) -> Array:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("turn", QUARTERS)
def test_pictures_are_turned_upright(turn: int) -> None:
    bgr, posture = picture(40, 30), Posture(matrix=QUARTERS[turn])
    upright = cv2.rotate(bgr, turn)
    assert posture.size(40, 30) == upright.shape[1::-1]
    assert np.array_equal(posture.turned(bgr, posture.size(40, 30)), upright)


def test_a_picture_without_a_turn_is_as_it_is() -> None:
    bgr = picture(40, 30)
    for posture in (Posture(), Posture(matrix=AS_IT_IS), Posture(sar=Fraction(1))):
        assert np.array_equal(posture.turned(bgr, posture.size(40, 30)), bgr)


def test_pixels_are_made_square_and_the_picture_no_wider_than_it_may_be() -> None:
    assert Posture(sar=Fraction(16, 11)).size(352, 288) == (512, 288)
    assert Posture(sar=Fraction(16, 11)).size(352, 288, 256) == (256, 144)
    assert Posture(Fraction(16, 11), QUARTERS[cv2.ROTATE_90_CLOCKWISE]).size(352, 288) == (288, 512)
    assert Posture(Fraction(16, 11), QUARTERS[cv2.ROTATE_90_CLOCKWISE]).size(352, 288, 144) == (144, 256)
    assert Posture().size(64, 48, 4096) == (64, 48)  # never larger than it is


@pytest.mark.parametrize("sar", [Fraction(1, 65535), Fraction(65535), Fraction(-4)])
def test_absurd_pixels_are_taken_for_square_ones(sar: Fraction) -> None:
    assert Posture(sar).size(352, 288) == (352, 288)


def test_a_film_that_players_turn_is_shown_as_they_show_it(tmp_path: Path) -> None:
    """The clip says that it is to be turned by 90 degrees clockwise, in PyAV's words."""
    posture = Posture(matrix=probe(clips.make("rotation", tmp_path)).display_matrix)
    bgr = picture(clips.WIDTH, clips.HEIGHT)
    turned = posture.turned(bgr, posture.size(clips.WIDTH, clips.HEIGHT))
    with av.open(str(tmp_path / "rotation.mp4")) as film:
        frame = next(film.decode(video=0))
    ways = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, -90: cv2.ROTATE_90_CLOCKWISE}
    assert np.array_equal(turned, cv2.rotate(bgr, ways[frame.rotation]))


def test_a_jpeg_is_the_picture() -> None:
    bgr = picture(96, 64)
    again = cv2.imdecode(np.frombuffer(jpeg(bgr), np.uint8), cv2.IMREAD_COLOR)
    assert cv2.PSNR(bgr, again) > 35


def test_a_gif_goes_through_its_pictures_for_ever() -> None:
    pictures = [picture(51, 37, seed) for seed in range(5)]
    data = gif(pictures, 4)
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in data  # loops without end
    with av.open(io.BytesIO(data)) as film:
        seen = [(frame.time, frame.to_ndarray(format="bgr24")) for frame in film.decode(video=0)]
    assert [time for time, _ in seen] == [0, 0.25, 0.5, 0.75, 1.0]
    for (_, one), other in zip(seen, pictures, strict=True):
        assert cv2.PSNR(one, other) > 20
