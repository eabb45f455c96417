"""Depth and chroma of a source, from its packets through a filter to the result."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.media.films import Plan, make, pixels
from tests.worker.work import BLUR, work_on
from vidproc.media.encode import plane_views
from vidproc.media.records import unpack
from vidproc.model import Colour, FilterSpec
from vidproc.worker.chunk import ChunkRunner

pytestmark = pytest.mark.media

SIZE = (63, 47)


def planes(frame: av.VideoFrame) -> list[NDArray[np.uint16]]:
    return [plane.astype(np.uint16) for plane in plane_views(frame, frame.width, frame.height)]


def result(
    runner: ChunkRunner, folder: Path, pix_fmt: str, codec: str, filters: tuple[FilterSpec, ...]
) -> av.VideoFrame:
    """The first frame of what a film of this format becomes."""
    plan = Plan(times=(0, 512, 1024), size=SIZE, pix_fmt=pix_fmt, codec="ffv1", options={}, colour=(1, 1, 6, 1))
    work = work_on(make(folder / "source.mkv", plan), folder, filters, codec=codec)
    report, records = runner.run(*work.whole())
    decoder = av.CodecContext.create(codec, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.width, decoder.height = SIZE
    decoder.extradata, decoder.thread_count = report.extradata or None, 1
    packets = [av.Packet(bytes(record.data)) for record in unpack(records)]
    return next(frame for packet in [*packets, None] for frame in decoder.decode(packet))


DEEP = ["yuv420p10le", "yuv422p", "yuv422p12le", "yuv444p10le", "yuv444p16le", "yuv411p", "yuv440p"]


@pytest.mark.parametrize("pix_fmt", DEEP)
def test_without_a_filter_every_sample_is_the_same(runner: ChunkRunner, tmp_path: Path, pix_fmt: str) -> None:
    frame = result(runner, tmp_path, pix_fmt, "ffv1", ())
    assert frame.format.name == pix_fmt
    for made, source in zip(planes(frame), planes(pixels(0, *SIZE, pix_fmt)), strict=True):
        assert (made == source).all()


@pytest.mark.parametrize("pix_fmt", DEEP)
def test_blur_keeps_depth_and_chroma(runner: ChunkRunner, tmp_path: Path, pix_fmt: str) -> None:
    frame = result(runner, tmp_path, pix_fmt, "ffv1", (BLUR,))
    assert frame.format.name == pix_fmt
    luma = cv2.GaussianBlur(planes(pixels(0, *SIZE, pix_fmt))[0], (5, 5), 0)
    assert np.abs(planes(frame)[0].astype(int) - luma).max() <= 1


def test_limited_range_becomes_the_full_range_that_jpeg_means(runner: ChunkRunner, tmp_path: Path) -> None:
    frame = result(runner, tmp_path, "yuv420p", "mjpeg", ())
    luma = (planes(pixels(0, *SIZE))[0].astype(float) - 16) * 255 / 219
    assert frame.color_range == Colour(range=2).range
    assert np.abs(planes(frame)[0] - luma).mean() < 2
