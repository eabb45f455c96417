"""deinterlace against FFmpeg's yadif, sample for sample."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from tests.filters.applying import same
from tests.filters.pictures import noise
from tests.pipelines.stand_in import PlainConverter
from vidproc import filters
from vidproc.filters.contract import Picture
from vidproc.media.pictures import from_picture, to_picture
from vidproc.model import FilterSpec
from vidproc.pipelines.plan import arrange

ORDERS = {"tt": "tff", "bb": "bff", "progressive": "prog"}


def by_ffmpeg(frames: list[Picture], order: str, options: str) -> list[Picture]:
    graph = av.filter.Graph()
    graph.threads = 1  # its threads write past the ends of their rows
    first = frames[0]
    source = graph.add_buffer(
        width=first.width, height=first.height, format=av.VideoFormat(first.format), time_base=Fraction(1, 25)
    )
    graph.link_nodes(
        source, graph.add("setfield", ORDERS[order]), graph.add("yadif", options), graph.add("buffersink")
    ).configure()
    for number, picture in enumerate(frames):
        frame = from_picture(picture)
        frame.pts = number
        graph.push(frame)
    graph.push(None)
    return [to_picture(graph.pull()) for _ in frames]


def ours(source: list[Picture], order: str, **params: str) -> list[Picture]:
    chosen, resolved = filters.find(FilterSpec("deinterlace", params))
    given = [Picture(frame.format, frame.planes, field_order=order) for frame in source]
    form = source[0].format
    made = arrange([(chosen, resolved)], form, form).run(enumerate(given), 0, len(given), PlainConverter())
    return [Picture(p.format, tuple(plane.copy() for plane in p.planes), field_order=p.field_order) for _, p in made]


def film(form: str, width: int, height: int) -> list[Picture]:
    """Noise moves nowhere, so it is laid over a ramp that moves: both guesses, and every limit, are taken somewhere."""
    pictures = []
    for number in range(4):
        picture = noise(form, width, height, number // 2)
        for plane in picture.planes:
            x, y = np.meshgrid(np.arange(plane.shape[1]), np.arange(plane.shape[0]))
            plane[:] = plane // 8 + ((x * 3 + y * 5 + number * 7) % 160).astype(plane.dtype)
        pictures.append(picture)
    return pictures


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le", "yuv444p16le", "gray"])
@pytest.mark.parametrize("order", ["tt", "bb"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (61, 47), (40, 33), (9, 6)])
def test_it_gives_the_samples_of_yadif(form: str, order: str, width: int, height: int) -> None:
    frames = film(form, width, height)
    expected = by_ffmpeg(frames, order, "mode=send_frame:parity=auto:deint=all")
    assert all(same(one, other) for one, other in zip(ours(frames, order), expected, strict=True))


@pytest.mark.parametrize(("parity", "option"), [("top", "tff"), ("bottom", "bff")])
def test_the_field_that_stays_can_be_named(parity: str, option: str) -> None:
    frames = film("yuv420p", 64, 48)
    expected = by_ffmpeg(frames, "tt", f"parity={option}")
    made = ours(frames, "tt", parity=parity)
    assert all(same(one, other) for one, other in zip(made, expected, strict=True))
    kept = 0 if parity == "top" else 1
    assert np.array_equal(made[1].planes[0][kept::2], frames[1].planes[0][kept::2])


def test_progressive_frames_stay_as_they_are_if_told_to() -> None:
    frames = film("yuv420p", 64, 48)
    untouched = ours(frames, "progressive", frames="interlaced")
    assert all(same(one, other) for one, other in zip(untouched, frames, strict=True))
    assert not same(ours(frames, "progressive")[1], frames[1])
    assert same(ours(frames, "tt", frames="interlaced")[1], ours(frames, "tt")[1])


@pytest.mark.parametrize("order", ["tt", "bb"])
def test_what_comes_out_is_progressive(order: str) -> None:
    assert {made.field_order for made in ours(film("yuv420p", 16, 12), order)} == {"progressive"}
