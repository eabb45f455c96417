"""Conversions against real numbers: float64, straight from the standards' formulas.

Tolerances are levels of the result: 0.75 to BGR from 8 bits and 0.52 from more, where 0.5 is rounding itself; 0.75 to Y
and 1.25 to subsampled chroma, which is rounded twice.
"""

from __future__ import annotations

import itertools
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.filters.pictures import bits_of, noise, smooth_bgr
from vidproc.filters.contract import Picture
from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.media.convert import Converter
from vidproc.media.pictures import from_picture, to_picture
from vidproc.model import Colour

Floats = NDArray[np.float64]
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
COLOURS = [Colour(matrix=matrix, range=range_) for matrix, range_ in itertools.product(WEIGHTS, (1, 2))]
YUV = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv420p10le", "yuv444p12le", "yuv422p16le"]


def converter(colour: Colour, width: int = 64, height: int = 48) -> Converter:
    return Converter(colour, width, height)


def _scales(name: str, colour: Colour) -> tuple[float, float, float, float]:
    """(black, luma, chroma, neutral)"""
    step, top = 1 << (bits_of(name) - 8), (1 << bits_of(name)) - 1
    full = colour.range == 2 or name.startswith("yuvj")
    return (0, top, top, 128 * step) if full else (16 * step, 219 * step, 224 * step, 128 * step)


def true_bgr(picture: Picture, colour: Colour) -> Floats:
    """What the pixels of a YUV picture are, 0 to 255; chroma repeated."""
    layout = yuv_layout(picture.format)
    assert layout is not None
    luma, *chroma = (plane.astype(float) for plane in picture.planes)
    u, v = (
        plane.repeat(layout.down, 0).repeat(layout.across, 1)[: picture.height, : picture.width] for plane in chroma
    )
    black, luma_scale, chroma_scale, neutral = _scales(picture.format, colour)
    kr, kb = WEIGHTS[colour.matrix]
    y, pb, pr = (luma - black) / luma_scale, (u - neutral) / chroma_scale, (v - neutral) / chroma_scale
    red, blue = y + 2 * (1 - kr) * pr, y + 2 * (1 - kb) * pb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([blue, green, red], -1) * 255, 0, 255)


def true_yuv(bgr: NDArray[Any], name: str, colour: Colour) -> tuple[Floats, Floats, Floats]:
    """The codes of BGR pixels, chroma averaged over the pixels that there are."""
    layout = yuv_layout(name)
    assert layout is not None
    blue, green, red = np.moveaxis(bgr / 255, -1, 0)
    kr, kb = WEIGHTS[colour.matrix]
    y = kr * red + (1 - kr - kb) * green + kb * blue
    black, luma_scale, chroma_scale, neutral = _scales(name, colour)
    pb, pr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    u, v = (_mean(each, layout.across, layout.down) * chroma_scale + neutral for each in (pb, pr))
    return y * luma_scale + black, u, v


def _mean(plane: Floats, across: int, down: int) -> Floats:
    """Of each block; the last column and row count double where one lacks."""
    height, width = plane.shape
    whole = np.pad(plane, ((0, -height % down), (0, -width % across)), "edge")
    blocks: Floats = whole.reshape(whole.shape[0] // down, down, -1, across)
    return np.asarray(blocks.mean((1, 3)))


def error(result: NDArray[Any], truth: Floats) -> float:
    return float(np.abs(result - truth).max())


@pytest.mark.parametrize("name", [*YUV, "yuvj420p"])
@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47)])
def test_yuv_to_bgr(name: str, colour: Colour, width: int, height: int) -> None:
    picture = noise(name, width, height)
    result = converter(colour).convert(picture, "bgr24")
    assert result.format == "bgr24"
    assert result.array.dtype == np.uint8
    assert error(result.array, true_bgr(picture, colour)) < (0.75 if bits_of(name) == 8 else 0.52)
    assert abs((result.array - true_bgr(picture, colour)).mean()) < 0.06


@pytest.mark.parametrize("name", [*YUV, "yuvj420p"])
@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47)])
def test_bgr_to_yuv(name: str, colour: Colour, width: int, height: int) -> None:
    bgr = noise("bgr24", width, height)
    bgr.array[:6, :12] = [(255, 0, 0)]
    bgr.array[6:12, :12] = [(0, 0, 255)]
    result = converter(colour).convert(bgr, name)
    assert [plane.shape for plane in result.planes] == list(plane_shapes(name, height, width))
    assert max(int(plane.max()) for plane in result.planes) < 1 << bits_of(name)
    for plane, truth, most in zip(result.planes, true_yuv(bgr.array, name, colour), (0.75, 1.25, 1.25), strict=True):
        assert error(plane, np.minimum(truth, (1 << bits_of(name)) - 1)) < most


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuv420p10le"])
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_to_bgr_and_back_changes_next_to_nothing(name: str, colour: Colour) -> None:
    """In colours that BGR has too: by no more than one code of 8 bits, in few samples."""
    convert = converter(colour).convert
    film = convert(Picture("bgr24", (smooth_bgr(161, 121) // 2 + 60,)), name)
    again = convert(convert(film, "bgr24"), name)
    for before, after in zip(film.planes, again.planes, strict=True):
        assert error(after, before.astype(float)) <= 1 << (bits_of(name) - 8)
        assert cv2.PSNR(before, after, (1 << bits_of(name)) - 1) > 52


@pytest.mark.parametrize("matrix", WEIGHTS)
def test_players_see_what_the_filter_sees(matrix: int) -> None:
    """FFmpeg's own conversion, in its exact mode, gives the same to 1.1 levels."""
    colour = Colour(matrix=matrix, range=1)
    film = converter(colour).convert(Picture("bgr24", (smooth_bgr(160, 120),)), "yuv444p")
    spaces = {1: "ITU709", 6: "ITU601", 9: "BT2020"}
    seen = from_picture(film).to_ndarray(format="bgr24", src_colorspace=spaces[matrix], dst_colorspace=spaces[matrix])
    assert error(converter(colour).convert(film, "bgr24").array, seen.astype(float)) <= 1.1


def test_a_matrix_that_is_not_said_goes_by_size() -> None:
    picture = noise("yuv444p", 16, 16)
    small, large = (Converter(Colour(), *size).convert(picture, "bgr24") for size in ((720, 576), (1920, 1080)))
    assert error(small.array, true_bgr(picture, Colour(matrix=6))) < 0.75
    assert error(large.array, true_bgr(picture, Colour(matrix=1))) < 0.75


@pytest.mark.parametrize("name", YUV)
@pytest.mark.parametrize("range_", [1, 2])
def test_gray_is_full_range(name: str, range_: int) -> None:
    picture, colour = noise(name, 33, 17), Colour(range=range_)
    black, luma, *_ = _scales(name, colour)
    gray = converter(colour).convert(picture, "gray")
    truth = np.clip((picture.planes[0].astype(float) - black) * 255 / luma, 0, 255)
    assert (gray.format, str(gray.array.dtype)) == ("gray", "uint8")
    assert error(gray.array, truth) <= 0.501


@pytest.mark.parametrize("name", [*YUV, "yuvj420p"])
@pytest.mark.parametrize("range_", [1, 2])
def test_gray_comes_back_with_neutral_chroma(name: str, range_: int) -> None:
    picture, colour = noise("gray", 33, 17), Colour(range=range_)
    black, luma, _, neutral = _scales(name, colour)
    result = converter(colour).convert(picture, name)
    assert error(result.planes[0], picture.array * (luma / 255) + black) <= 0.501
    assert [plane.shape for plane in result.planes] == list(plane_shapes(name, 17, 33))
    assert all((plane == neutral).all() for plane in result.planes[1:])
    again = converter(colour).convert(result, "gray").array
    # 8 bits of limited range have room for 220 of the 256 grays.
    assert error(again, picture.array.astype(float)) <= (1 if luma == 219 else 0)


def test_full_range_brightness_is_gray_without_a_copy() -> None:
    picture = noise("yuvj420p", 33, 17)
    gray = converter(Colour()).convert(picture, "gray").array
    assert np.shares_memory(gray, picture.planes[0])
    assert np.array_equal(gray, picture.planes[0])


@pytest.mark.parametrize("matrix", WEIGHTS)
def test_gray_and_bgr(matrix: int) -> None:
    """Gray of BGR is brightness by the film's matrix; BGR of gray is gray."""
    colour, bgr = Colour(matrix=matrix), noise("bgr24", 33, 17)
    gray = converter(colour).convert(bgr, "gray")
    kr, kb = WEIGHTS[matrix]
    assert error(gray.array, bgr.array @ np.array([kb, 1 - kr - kb, kr])) < 0.75
    back = converter(colour).convert(gray, "bgr24")
    assert all(np.array_equal(back.array[..., channel], gray.array) for channel in range(3))


def test_two_names_of_the_same_planes() -> None:
    picture = noise("yuvj420p", 33, 17)
    same = converter(Colour(range=2)).convert(picture, "yuv420p")
    assert same.format == "yuv420p"
    assert all(one is other for one, other in zip(same.planes, picture.planes, strict=True))
    squeezed = converter(Colour(range=1)).convert(picture, "yuv420p")
    assert error(squeezed.planes[0], picture.planes[0] * (219 / 255) + 16) < 1.01


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv420p16le"])
def test_bits_that_go_are_dithered(name: str) -> None:
    """The mean of an area is kept, where cutting the bits off would be half a level too dark."""
    step = 1 << (bits_of(name) - 8)
    levels = np.linspace(40 * step, 200 * step, 256).astype(np.uint16)
    deep = Picture(name, tuple(np.tile(levels[: shape[1]], (shape[0], 1)) for shape in plane_shapes(name, 128, 256)))
    flat = converter(Colour(range=1)).convert(deep, "yuv420p").planes[0]
    truth = deep.planes[0] / step
    assert flat.dtype == np.uint8
    assert error(flat, truth) <= 1.0
    assert abs((flat - truth).mean()) < 0.26
    assert len(np.unique(flat - np.floor(truth))) > 1


def test_chroma_that_goes_is_averaged() -> None:
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    plane = (40 + 2 * x + y).astype(np.uint8)
    result = converter(Colour()).convert(Picture("yuv444p", (plane, plane, plane)), "yuv420p")
    assert np.array_equal(result.planes[0], plane)
    inner = (slice(4, -4), slice(4, -4))
    assert error(result.planes[1][inner], _mean(plane.astype(float), 2, 2)[inner]) <= 1.5


@pytest.mark.parametrize(
    ("name", "to"),
    [("yuv420p10le", "yuv420p"), ("yuv420p", "bgr24"), ("bgr24", "yuv420p"), ("yuv420p", "gray"), ("gray", "yuv420p")],
)
def test_equal_pictures_give_equal_results(name: str, to: str) -> None:
    def planes(seed: int, how: Converter) -> list[bytes]:
        return [plane.tobytes() for plane in how.convert(noise(name, 61, 47, seed), to).planes]

    reused = converter(Colour(matrix=1))
    in_order = [planes(seed, reused) for seed in range(4)]
    assert in_order == [planes(seed, converter(Colour(matrix=1))) for seed in range(4)]


@pytest.mark.parametrize(
    ("name", "to"), [(one, other) for one, other in itertools.permutations(["yuv420p10le", "gray", "bgr24"], 2)]
)
def test_results_are_written_where_they_are_wanted(name: str, to: str) -> None:
    how = converter(Colour(matrix=1, range=1))
    picture, room = noise(name, 33, 17), how.allocate(to, 33, 17)
    truth = how.convert(picture, to)
    assert how.convert(picture, to, room) is room
    assert all(np.array_equal(one, other) for one, other in zip(room.planes, truth.planes, strict=True))


def test_the_input_may_be_read_only_and_stays_as_it_is() -> None:
    how = converter(Colour(matrix=1))
    for name in ("yuv420p", "yuv444p10le", "bgr24", "gray"):
        frame = from_picture(noise(name, 33, 17))
        for to in {"yuv420p", "yuv422p", "bgr24", "gray"} - {name}:
            how.convert(to_picture(frame), to)
        truth = noise(name, 33, 17)
        assert all(np.array_equal(a, b) for a, b in zip(to_picture(frame).planes, truth.planes, strict=True))


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gray", "bgr24"])
def test_another_size(name: str) -> None:
    how, picture = converter(Colour(range=1)), noise(name, 64, 48)
    assert how.resize(picture, 64, 48) is picture
    flat = Picture(name, tuple(np.full_like(plane, 100) for plane in picture.planes))
    for width, height in ((32, 24), (101, 77)):
        result = how.resize(flat, width, height)
        assert [plane.shape for plane in result.planes] == list(plane_shapes(name, height, width))
        assert all((np.abs(plane.astype(int) - 100) <= 1).all() for plane in result.planes)
    small = how.resize(Picture("bgr24", (smooth_bgr(320, 240),)), 160, 120).array
    assert cv2.PSNR(small, cv2.resize(smooth_bgr(320, 240), (160, 120), interpolation=cv2.INTER_AREA)) > 30


def test_a_part_of_a_larger_frame_is_all_that_is_converted() -> None:
    part = to_picture(from_picture(noise("yuv420p10le", 64, 48)), width=33, height=17)
    result = converter(Colour()).convert(part, "yuv420p")
    assert (result.width, result.height) == (33, 17)
    assert from_picture(result).width == 33


@pytest.mark.parametrize("name", ["rgb24", "bgra", "gbrp", "rgb48le"])
def test_rgb_films_are_taken_as_bgr(name: str) -> None:
    bgr = smooth_bgr(61, 47)
    frame = from_picture(Picture("bgr24", (bgr,))).reformat(format=name)
    picture = converter(Colour(matrix=1, range=1)).picture(frame)
    assert picture.format == "bgr24"
    assert error(picture.array, bgr.astype(float)) <= 1


@pytest.mark.parametrize("name", ["nv12", "yuva420p", "yuyv422", "yuv420p10be", "p010le", "yuva444p10le"])
@pytest.mark.parametrize("range_", [1, 2])
def test_other_yuv_films_keep_their_samples(name: str, range_: int) -> None:
    planar = {"nv12": "yuv420p", "yuva420p": "yuv420p", "yuyv422": "yuv422p", "yuva444p10le": "yuv444p10le"}
    truth = noise(planar.get(name, "yuv420p10le"), 62, 46)
    frame = from_picture(truth).reformat(format=name)
    picture = converter(Colour(matrix=1, range=range_)).picture(frame)
    assert picture.format == truth.format
    assert all(np.array_equal(one, other) for one, other in zip(picture.planes, truth.planes, strict=True))


def test_decoded_planar_yuv_is_not_copied() -> None:
    frame = from_picture(noise("yuv420p", 32, 16))
    picture = converter(Colour()).picture(frame)
    assert from_picture(picture) is frame


@pytest.mark.parametrize(("tagged", "full"), [(0, True), (1, False), (2, True)])
@pytest.mark.parametrize("name", ["gray", "gray10le"])
def test_gray_films_are_full_range_unless_they_say_otherwise(name: str, tagged: int, full: bool) -> None:
    frame = av.VideoFrame(64, 32, name)
    top = (1 << frame.format.components[0].bits) - 1
    codes: NDArray[Any] = np.linspace(0, top, 64).astype(np.uint16 if top > 255 else np.uint8)
    np.frombuffer(frame.planes[0], codes.dtype).reshape(32, -1)[:, :64] = codes  # type: ignore[call-overload]
    frame.color_range = tagged
    how = converter(Colour(matrix=1, range=1))
    picture = how.picture(frame)
    step = (top + 1) // 256
    truth = codes * (219 * step / top) + 16 * step if full else codes.astype(float)
    assert picture.format.startswith("yuv420p")
    assert error(picture.planes[0], truth) <= 1.5 * step
    assert all((plane == 128 * step).all() for plane in picture.planes[1:])
    assert np.array_equal(to_picture(from_picture(picture)).planes[0], picture.planes[0])
