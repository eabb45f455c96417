"""Formats' names against what FFmpeg itself says of them."""

from __future__ import annotations

import av
import pytest

from vidproc.filters.formats import code_range, family, plane_shapes, works_on, yuv_layout

PLANAR = [
    name
    for name in sorted(av.video.format.names)  # type: ignore[attr-defined]
    if name.startswith("yuv") and not name.startswith("yuva") and name.endswith(("p", "le")) and "msb" not in name
]


@pytest.mark.parametrize("name", PLANAR)
def test_every_planar_yuv_format_is_read_as_ffmpeg_lays_it_out(name: str) -> None:
    layout, truth = yuv_layout(name), av.VideoFormat(name, 101, 67)
    assert layout is not None
    assert layout.bits == truth.components[0].bits
    shapes = plane_shapes(name, 67, 101)
    assert shapes == tuple((part.height, part.width) for part in truth.components)


@pytest.mark.parametrize("name", ["nv12", "yuyv422", "yuva420p", "yuv420p10be", "gbrp", "gray10le", "yuv", ""])
def test_other_formats_are_no_planar_yuv(name: str) -> None:
    assert yuv_layout(name) is None
    with pytest.raises(ValueError, match="can't have the pixel format"):
        plane_shapes(name, 2, 2)


def test_the_old_name_of_full_range() -> None:
    assert [each.full_range for name in ("yuvj420p", "yuv420p") if (each := yuv_layout(name))] == [True, False]


def test_the_only_planes_of_gray_and_bgr() -> None:
    assert plane_shapes("gray", 3, 5) == ((3, 5),)
    assert plane_shapes("bgr24", 3, 5) == ((3, 5, 3),)


def test_what_a_filter_works_on() -> None:
    assert [family(name) for name in ("yuv422p10le", "gray", "bgr24")] == ["yuv", "gray", "bgr24"]
    assert works_on(("yuv", "gray"), "yuvj444p")
    assert not works_on(("gray",), "yuv420p")


def test_the_codes_of_black_and_white_by_range_and_depth() -> None:
    assert code_range(False, 8) == (16, 219, 224)
    assert code_range(False, 10) == (64, 876, 896)
    assert code_range(True, 10) == (0, 1023, 1023)
