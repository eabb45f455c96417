"""The most that a slot may need, as it is told beforehand, against what a fresh slot took."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from msgspec import structs

from tests.filters.sample_files import cube, encoded
from tests.worker.work import Work, work_on
from vidproc.media.encoder_memory import MiB
from vidproc.media.slot_memory import LargestChunk, slot_bytes
from vidproc.model import ChunkReport, FilterSpec
from vidproc.processes.child import ChildLimits
from vidproc.worker import footage
from vidproc.worker.slot import Slot

pytestmark = pytest.mark.process

HD, UHD = (1920, 1080), (3840, 2160)
BLUR, MOTION, FLOW = FilterSpec("blur"), FilterSpec("motion"), FilterSpec("motion", {"kind": "flow"})
SHRUNK = FilterSpec("resize", {"width": 1280, "height": 720})


QUICK = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "13"},
}


def film(path: Path, codec: str, size: tuple[int, int], frames: int, pix_fmt: str) -> Path:
    """A picture that moves, with some noise."""
    wide, high = size
    x, y = np.meshgrid(np.arange(wide), np.arange(high))
    noise = np.random.default_rng(0).integers(0, 6, (high, wide))
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, 25, options=QUICK.get(codec, {}))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv420p"
        for number in range(frames):
            luma = ((x + 3 * number) // 3 + y // 4 + noise) % 200 + 20
            frame = av.VideoFrame(wide, high, "yuv420p")
            frame.planes[0].update(_padded(luma, frame.planes[0]))
            for plane in frame.planes[1:]:
                plane.update(b"\x80" * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _padded(samples: np.ndarray, plane: av.video.plane.VideoPlane) -> bytes:
    rows = np.zeros((plane.height, plane.line_size), np.uint8)
    rows[:, : samples.shape[1]] = samples
    return rows.tobytes()


def with_preset(work: Work) -> Work:
    """As jobs are by default."""
    encoder = structs.replace(work.encoder, preset="veryfast" if work.encoder.preset else "")
    return replace(work, encoder=encoder)


def measured(work: Work) -> ChunkReport:
    async def main() -> ChunkReport:
        slot = Slot("slot 0", 60.0, ChildLimits())
        await slot.start()
        try:
            return (await slot.run(*work.whole(), work.by_hash))[0]
        finally:
            await slot.close()

    return asyncio.run(main())


def bound(work: Work) -> float:
    task, packets = work.whole()
    return slot_bytes([task.stream], task.encoder, task.filters, LargestChunk(task.stop, len(packets))) / MiB


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("overlay", encoded(np.random.default_rng(0).integers(0, 256, (2160, 3840, 4), np.uint8))),
        ("lut", cube(33)),
    ],
    ids=["overlay", "lut"],
)
def test_what_files_hold_is_counted(tmp_path: Path, name: str, data: bytes) -> None:
    path = film(tmp_path / "film.mkv", "libx264", HD, 4, "yuv420p")
    spec = FilterSpec(name, {"file": hashlib.sha256(data).hexdigest()})
    work = replace(with_preset(work_on(path, tmp_path, (spec,))), files=(data,))
    took, most = measured(work).memory_mb, bound(work)
    assert took <= most, f"{took:.0f} MiB of {most:.0f}"


@pytest.mark.parametrize(
    ("source", "size", "frames", "codec", "filters"),
    [
        ("libx264", HD, 30, "h264", (BLUR,)),
        ("libx264", HD, 12, "h265", (BLUR,)),
        ("libx264", HD, 12, "h264", (MOTION, FLOW)),
        ("libvpx-vp9", HD, 8, "vp9", ()),
        ("libx264", HD, 8, "av1", (FilterSpec("deinterlace"),)),
        ("ffv1", HD, 8, "ffv1", (BLUR,)),
        ("libsvtav1", HD, 8, "h264", (SHRUNK,)),
        ("libx264", UHD, 4, "h264", (BLUR,)),
        ("libx265", UHD, 4, "h265", ()),
        ("libx264", (320, 180), 60, "h264", (FilterSpec("motion", {"kind": "mog2"}),)),
    ],
)
def test_a_slot_takes_no_more_than_was_said_and_not_much_less(
    tmp_path: Path, source: str, size: tuple[int, int], frames: int, codec: str, filters: tuple[FilterSpec, ...]
) -> None:
    path = film(tmp_path / "film.mkv", source, size, frames, "yuv420p")
    work = with_preset(work_on(path, tmp_path, filters, codec=codec))
    took, most = measured(work).memory_mb, bound(work)
    assert took <= most <= 2.5 * took, f"{took:.0f} MiB of {most:.0f}"


def test_a_chunk_s_peak_is_its_own() -> None:
    del_me = bytearray(b"x" * 2**20) * 200
    del del_me
    before = footage.peak_mb()
    footage.forget_peak()
    assert footage.peak_mb() < before - 100
