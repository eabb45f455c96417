"""Interlaced films through a slot: fields stay apart, and what comes out is marked as what it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.media import clips
from tests.worker.work import BLUR, Work, work_on
from vidproc.filters.contract import Picture
from vidproc.media.convert import Converter
from vidproc.media.decode import Decoder
from vidproc.media.encode import plane_views
from vidproc.media.records import unpack
from vidproc.model import FilterSpec
from vidproc.worker.chunk import ChunkRunner

pytestmark = pytest.mark.media

Planes = list[NDArray[np.uint8]]


def planes(frame: av.VideoFrame) -> Planes:
    return [plane.copy() for plane in plane_views(frame, frame.width, frame.height)]


def sources(work: Work) -> list[av.VideoFrame]:
    task, packets = work.whole()
    return [frame for _, frame in Decoder(task.stream).frames(packets, 0, task.stop)]


def results(runner: ChunkRunner, work: Work) -> list[av.VideoFrame]:
    """Of lossless work, chunk by chunk."""
    found = []
    for index in work.chunks:
        report, records = runner.run(work.task(index), work.packets(index))
        decoder = av.CodecContext.create("ffv1", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.width, decoder.height, decoder.extradata = work.encoder.width, work.encoder.height, report.extradata
        packets = [av.Packet(bytes(record.data)) for record in unpack(records)]
        found += [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    return found


def work_of(folder: Path, clip: str, *filters: FilterSpec) -> Work:
    return work_on(clips.make(clip, folder), folder, filters, codec="ffv1")


@pytest.mark.parametrize("clip", ["mpeg2 interlaced", "h264 interlaced", "both field orders"])
def test_each_field_is_blurred_alone(runner: ChunkRunner, folder: Path, clip: str) -> None:
    work = work_of(folder, clip, BLUR)
    made = results(runner, work)
    for result, source in zip(made, sources(work), strict=True):
        for parity in (0, 1):
            luma = cv2.GaussianBlur(planes(source)[0][parity::2], (5, 5), 0)
            assert np.array_equal(planes(result)[0][parity::2], luma)
    assert all(frame.interlaced_frame for frame in made)


def test_a_progressive_film_is_blurred_whole(runner: ChunkRunner, folder: Path) -> None:
    work = work_of(folder, "constant rate", BLUR)
    source, made = sources(work)[0], results(runner, work)[0]
    assert np.array_equal(planes(made)[0], cv2.GaussianBlur(planes(source)[0], (5, 5), 0))


def by_yadif(frames: list[av.VideoFrame]) -> list[Planes]:
    graph = av.filter.Graph()
    graph.threads = 1
    first = frames[0]
    source = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add("yadif", "mode=send_frame"), graph.add("buffersink")).configure()
    for frame in frames:
        graph.push(frame)
    graph.push(None)
    return [planes(graph.pull()) for _ in frames]  # type: ignore[arg-type]


@pytest.mark.parametrize("clip", ["mpeg2 interlaced", "h264 interlaced", "both field orders"])
def test_a_deinterlaced_film_is_what_ffmpeg_makes_of_it(runner: ChunkRunner, folder: Path, clip: str) -> None:
    work = work_of(folder, clip, FilterSpec("deinterlace"))
    made, expected = results(runner, work), by_yadif(sources(work))
    for result, wanted in zip(made, expected, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(planes(result), wanted, strict=True))
    assert work.encoder.field_order == "progressive"
    assert not any(frame.interlaced_frame for frame in made)


def test_what_comes_out_of_deinterlacing_is_told_as_progressive(runner: ChunkRunner, folder: Path) -> None:
    work = work_of(folder, "both field orders", FilterSpec("deinterlace"))
    assert {runner.run(work.task(n), work.packets(n))[0].field_orders for n in work.chunks} == {("progressive",)}


def test_a_film_upside_down_begins_with_its_other_field(runner: ChunkRunner, folder: Path) -> None:
    work = work_of(folder, "h264 interlaced", FilterSpec("flip", {"direction": "vertical"}))
    assert (work.film.result.info.stream.field_order, work.encoder.field_order) == ("bb", "tt")
    report, _ = runner.run(work.task(0), work.packets(0))
    assert report.field_orders == ("tt",)
    assert np.array_equal(planes(results(runner, work)[0])[0], planes(sources(work)[0])[0][::-1])


def test_colour_goes_to_bgr_and_back_with_its_own_field(runner: ChunkRunner, folder: Path) -> None:
    work = work_of(folder, "h264 interlaced", FilterSpec("custom", code="def same(frame):\n    return frame\n"))
    converter = Converter(work.encoder.colour, work.encoder.width, work.encoder.height)
    for result, source in zip(results(runner, work), sources(work), strict=True):
        for parity in (0, 1):
            field = Picture("yuv420p", tuple(plane[parity::2] for plane in planes(source)))
            expected = converter.convert(converter.convert(field, "bgr24"), "yuv420p")
            pairs = zip(planes(result), expected.planes, strict=True)
            assert all(np.array_equal(made[parity::2], wanted) for made, wanted in pairs)
