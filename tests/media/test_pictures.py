"""Frames as pictures and back: the same memory where it can be, and no sample astray where it can't."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.filters.pictures import noise
from vidproc.filters.contract import Picture
from vidproc.media.pictures import FramePicture, from_picture, new_picture, to_picture, working_format

FORMATS = ["yuv420p", "yuvj422p", "yuv444p", "yuv411p", "yuv420p10le", "yuv422p12le", "gray", "bgr24"]


def equal(one: Picture, other: Picture) -> bool:
    pairs = zip(one.planes, other.planes, strict=True)
    return one.format == other.format and all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (33, 17), (1, 1)])
def test_a_picture_goes_into_a_frame_and_comes_back(name: str, width: int, height: int) -> None:
    picture = noise(name, width, height)
    frame = from_picture(picture)
    assert (frame.width, frame.height, frame.format.name) == (width, height, name)
    assert equal(to_picture(frame), picture)


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "gray", "bgr24"])
def test_ffmpeg_sees_the_same_pixels(name: str) -> None:
    picture = noise(name, 34, 18)
    seen = from_picture(picture).to_ndarray()
    assert np.array_equal(seen.reshape(-1), np.concatenate([plane.reshape(-1) for plane in picture.planes]))


def test_a_picture_of_a_frame_is_a_view_that_cant_be_written_into() -> None:
    frame = from_picture(noise("yuv420p", 33, 17))
    view, writable = to_picture(frame), to_picture(frame, writable=True)
    with pytest.raises(ValueError, match="read-only"):
        view.planes[0][0, 0] = 1
    writable.planes[1][2, 3] = 77
    assert view.planes[1][2, 3] == 77


def test_it_goes_back_as_that_very_frame() -> None:
    frame = from_picture(noise("yuv420p", 32, 16))
    assert from_picture(to_picture(frame)) is frame
    assert from_picture(to_picture(frame), into=frame) is frame


def test_a_view_keeps_its_frame_alive() -> None:
    planes = to_picture(from_picture(noise("yuv420p", 640, 480))).planes
    assert np.array_equal(planes[2], noise("yuv420p", 640, 480).planes[2])


def test_less_of_a_larger_frame() -> None:
    frame = from_picture(noise("yuv420p", 34, 18))
    part = to_picture(frame, width=33, height=17)
    assert [plane.shape for plane in part.planes] == [(17, 33), (9, 17), (9, 17)]
    assert np.array_equal(part.planes[0], noise("yuv420p", 34, 18).planes[0][:17, :33])


def test_a_picture_is_copied_into_the_frame_it_is_meant_for() -> None:
    picture, larger = noise("yuv420p", 33, 17), av.VideoFrame(34, 18, "yuv420p")
    assert from_picture(picture, into=larger) is larger
    assert equal(to_picture(larger, width=33, height=17), picture)
    other = from_picture(noise("yuv420p", 33, 17, seed=1))
    assert from_picture(to_picture(from_picture(picture)), into=other) is other
    assert equal(to_picture(other), picture)


def test_a_frame_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="a yuv420p picture does not fit into a yuv444p frame"):
        from_picture(noise("yuv420p", 8, 8), into=av.VideoFrame(8, 8, "yuv444p"))


def test_a_frame_stored_bottom_row_first() -> None:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=32, height=16, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(from_picture(noise("yuv420p", 32, 16)))
    flipped = graph.pull()
    assert isinstance(flipped, av.VideoFrame)
    assert flipped.planes[0].line_size < 0
    truth = Picture("yuv420p", tuple(plane[::-1] for plane in noise("yuv420p", 32, 16).planes))
    assert equal(to_picture(flipped), truth)
    assert equal(to_picture(from_picture(Picture("yuv420p", to_picture(flipped).planes))), truth)


@pytest.mark.parametrize("name", FORMATS)
def test_new_pictures_can_be_written_into(name: str) -> None:
    made, filled = new_picture(name, 33, 17), noise(name, 33, 17)
    for target, source in zip(made.planes, filled.planes, strict=True):
        target[:] = source
    assert equal(made, filled)
    assert equal(to_picture(from_picture(made)), filled)
    assert isinstance(made, FramePicture) == name.startswith("yuv")


@pytest.mark.parametrize("name", ["nv12", "rgb24", "gray10le", "yuva420p"])
def test_formats_that_pictures_cant_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"can't have the pixel format '{name}'"):
        to_picture(av.VideoFrame(8, 8, name))


@pytest.mark.parametrize(
    ("source", "worked_on"),
    [
        *((name, name) for name in ("yuv420p", "yuvj444p", "yuv422p10le", "yuv410p", "bgr24")),
        ("nv12", "yuv420p"),
        ("nv16", "yuv422p"),
        ("p010le", "yuv420p10le"),
        ("yuyv422", "yuv422p"),
        ("yuva420p", "yuv420p"),
        ("yuva444p10le", "yuv444p10le"),
        ("yuv420p10be", "yuv420p10le"),
        ("gray", "yuv420p"),
        ("gray12le", "yuv420p12le"),
        ("ya8", "yuv420p"),
        ("rgb24", "bgr24"),
        ("pal8", "bgr24"),
        ("gbrp10le", "bgr24"),
        ("rgba", "bgr24"),
    ],
)
def test_every_source_has_a_format_to_work_in(source: str, worked_on: str) -> None:
    assert working_format(source) == worked_on
