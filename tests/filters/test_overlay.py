"""A picture over the frame, against mixing in BGR with real numbers, and where and how large it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.filters.applying import applied, from_bgr, is_full, same, written
from tests.filters.pictures import bits_of, noise, smooth_bgr
from tests.filters.sample_files import encoded, logo
from tests.media.test_convert import true_bgr, true_yuv
from vidproc.filters import still_picture
from vidproc.filters.contract import Picture
from vidproc.filters.overlay import overlay
from vidproc.filters.placement import corner
from vidproc.model import Colour

YUV = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv410p", "yuv420p10le", "yuv444p16le")
WIDTH, HEIGHT = 92, 60


def colour_of(name: str) -> Colour:
    return Colour(matrix=6, range=2 if is_full(name) else 1)


def frame(name: str) -> Picture:
    """Colours that BGR has too."""
    planes = true_yuv(smooth_bgr(WIDTH, HEIGHT), name, colour_of(name))
    kind = np.uint8 if bits_of(name) == 8 else np.uint16
    return Picture(name, tuple(np.rint(plane).astype(kind) for plane in planes))


def mixed(under: NDArray[Any], picture: NDArray[Any], x: int, y: int, opacity: float = 1.0) -> NDArray[np.float64]:
    """What lies under (BGR, 0 to 255), and the picture on it from (x, y) on."""
    result = under.astype(float)
    part = result[y : y + picture.shape[0], x : x + picture.shape[1]]
    share = picture[..., 3:] / 255 * opacity
    part[:] = part * (1 - share) + picture[..., :3] * share
    return result


@pytest.mark.parametrize("name", YUV)
@pytest.mark.parametrize(("x", "y"), [(0, 0), (7, 5), (51, 35)])
def test_planes_are_as_if_mixed_in_bgr(name: str, x: int, y: int) -> None:
    """Within 1 level of 8 bits, also where the picture begins between two samples of chroma: alpha has 256 steps, and
    the film's own chroma was rounded before."""
    picture = frame(name)
    found = written("overlay", picture, x=x, y=y, opacity=0.8, position="top-left", margin=0)
    bgr = mixed(true_bgr(picture, colour_of(name)), logo(), x, y, 0.8)
    for plane, truth in zip(found.planes, true_yuv(bgr, name, colour_of(name)), strict=True):
        assert np.abs(plane - truth).max() <= 1 << (bits_of(name) - 8)


def test_bgr_is_mixed_as_it_is() -> None:
    picture = noise("bgr24", WIDTH, HEIGHT)
    found = written("overlay", picture, position="top-left", margin=0, x=3, y=4)
    assert np.abs(found.array - mixed(picture.array, logo(), 3, 4)).max() <= 1


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "bgr24"])
def test_what_is_opaque_takes_the_place_of_what_was_there(name: str) -> None:
    plain = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), np.uint8)
    found = [applied("overlay", noise(name, WIDTH, HEIGHT, seed), file=encoded(plain)) for seed in (0, 1)]
    assert same(*found)
    rows = np.array(from_bgr(name)) @ (200, 100, 50, 1)
    planes = np.moveaxis(found[0].array, -1, 0) if name == "bgr24" else found[0].planes
    for plane, code in zip(planes, rows, strict=True):
        assert np.abs(plane - code).max() <= 0.51


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p16le", "bgr24"])
@pytest.mark.parametrize("params", [{"opacity": 0}, {"x": 92}, {"y": -60, "position": "top"}, {"x": -16384}])
def test_what_is_not_seen_changes_nothing(name: str, params: dict[str, Any]) -> None:
    picture = noise(name, WIDTH, HEIGHT)
    assert same(applied("overlay", picture, **params), picture)


@pytest.mark.parametrize("name", ["yuv420p", "bgr24"])
def test_what_hangs_over_is_cut(name: str) -> None:
    """As if the frame were a part of a larger one."""
    large, part = noise(name, 2 * WIDTH, 2 * HEIGHT), np.s_[: HEIGHT // 2, : WIDTH // 2]
    whole = applied("overlay", large, file=encoded(logo(60, 40)), position="top-left", margin=0, x=WIDTH - 20, y=10)
    small = Picture(name, tuple(plane[: plane.shape[0] // 2, : plane.shape[1] // 2] for plane in large.planes))
    found = applied("overlay", small, file=encoded(logo(60, 40)), position="top-left", margin=0, x=WIDTH - 20, y=10)
    for plane, truth in zip(found.planes, whole.planes, strict=True):
        assert np.array_equal(plane, truth[: plane.shape[0], : plane.shape[1]])
        assert plane[part].shape


def covered(**params: Any) -> tuple[int, int, int, int]:
    """(x, y, width, height) of what an opaque picture of 20x10 covers of a frame of 200x100."""
    white = np.full((10, 20, 3), 255, np.uint8)
    black = Picture("bgr24", (np.zeros((100, 200, 3), np.uint8),))
    seen = applied("overlay", black, file=encoded(white), **params).array.any(-1)
    ys, xs = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return int(xs[0]), int(ys[0]), len(xs), len(ys)


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ({}, (176, 86, 20, 10)),
        ({"position": "top-left"}, (4, 4, 20, 10)),
        ({"position": "right", "margin": 0.1}, (160, 45, 20, 10)),
        ({"position": "center"}, (90, 45, 20, 10)),
        ({"position": "bottom", "margin": 0}, (90, 90, 20, 10)),
        ({"position": "top-left", "margin": 0, "x": 33, "y": 21}, (33, 21, 20, 10)),
        ({"position": "top-right", "margin": 0, "x": 5}, (185, 0, 15, 10)),
        ({"position": "top-left", "margin": 0, "scale": 0.5}, (0, 0, 100, 50)),
        ({"position": "center", "scale": 0.05}, (95, 48, 10, 5)),
        ({"scale": 1}, (0, 0, 200, 100)),
        ({"scale": 0.001}, (195, 95, 1, 1)),
    ],
)
def test_where_it_lies(params: dict[str, Any], place: tuple[int, int, int, int]) -> None:
    assert covered(**params) == place


def test_a_high_picture_is_scaled_by_its_height() -> None:
    black = Picture("bgr24", (np.zeros((100, 200, 3), np.uint8),))
    white = encoded(np.full((400, 100, 3), 255, np.uint8))
    seen = applied("overlay", black, file=white, scale=0.8, position="top-left", margin=0).array.any(-1)
    assert (seen.any(0).sum(), seen.any(1).sum()) == (20, 80)


def test_deep_pictures_and_opaque_ones() -> None:
    """A PNG of 16 bits is laid like the same in 8; a JPEG is opaque."""
    eight = logo().astype(np.uint16) * 257
    picture = noise("yuv420p", WIDTH, HEIGHT)
    assert same(applied("overlay", picture, file=encoded(eight)), applied("overlay", picture, file=encoded(logo())))
    jpeg = encoded(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), ".jpg")
    assert len(np.unique(applied("overlay", noise("bgr24", WIDTH, HEIGHT), file=jpeg).array)) == 1


def test_every_share_and_every_level_stay_within_their_samples() -> None:
    """No sum runs over: full white on full white is white, at each of a thousand opacities."""
    white = still_picture.read(encoded(np.full((1, 1, 3), 255, np.uint8)))
    for name, top in (("bgr24", 255), ("yuvj444p", 255)):
        picture = Picture(name, tuple(np.full_like(plane, top) for plane in noise(name, 1, 1).planes))
        for opacity in np.linspace(0, 1, 1025):
            out = noise(name, 1, 1)
            overlay(
                (picture,), out, file=white, position="center", x=0, y=0, scale=0, margin=0, opacity=float(opacity),
                from_bgr=from_bgr(name),
            )  # fmt: skip
            assert out.planes[0].min() == top


def test_corners_of_what_is_larger_than_the_picture() -> None:
    assert corner("center", (10, 10), (20, 10), 3) == (-5, 0)
    assert corner("bottom-right", (10, 10), (20, 8), 3) == (-10, 1)
