"""The floor: the least that the work can cost, so that all else is overhead.

One process with one thread decodes, blurs the planes and encodes, one frame after the other, and each part is timed
apart. Nothing is indexed, cut, sent, supervised or muxed, and no frame is decoded twice. The three added up and divided
by the number of cores is the time that nothing can beat which does the same work with the same libraries.

    python -m benchmarks.floor CLIP --crf 23
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
from av.codec.context import ThreadType
from numpy.typing import NDArray

from benchmarks.work import Work
from vidproc.media import ffmpeg
from vidproc.media.encode import open_encoder, plane_views
from vidproc.media.output_format import encoder_spec
from vidproc.media.probe import main_video, probe
from vidproc.model import FilterSpec, JobSpec

_ROOT = Path(__file__).parents[1]

Planes = tuple[NDArray[Any], ...]


@dataclass(slots=True)
class Floor:
    """Seconds on one core by part, and what they were spent on. `bytes_out` is the video alone."""

    frames: int = 0
    decode: float = 0.0
    filter: float = 0.0
    encode: float = 0.0
    bytes_out: int = 0

    @property
    def seconds(self) -> float:
        return self.decode + self.filter + self.encode


def measure(clip: Path, work: Work, crf: int) -> Floor:
    """Decode, blur and encode the whole clip in this process. Raises `ValueError` unless it is 8-bit planar 4:2:0."""
    stream = probe(clip).stream
    if stream.pix_fmt not in ("yuv420p", "yuvj420p"):
        raise ValueError(f"{clip.name} is {stream.pix_fmt}; the floor needs no conversion only from yuv420p")
    job = JobSpec((FilterSpec("blur"),), crf=float(crf), encoder_preset=work.preset)
    spec, _ = encoder_spec(stream, job)
    encoder = open_encoder(spec)
    target = av.VideoFrame(encoder.width, encoder.height, spec.pix_fmt)
    room = plane_views(target, spec.width, spec.height)
    floor = Floor()
    for frame in _decoded(clip, floor):
        began = time.perf_counter()
        blur(plane_views(frame, spec.width, spec.height), room, work)
        filtered = time.perf_counter()
        target.pts, target.time_base = floor.frames, encoder.time_base
        floor.bytes_out += sum(packet.size for packet in encoder.encode(target))
        floor.filter += filtered - began
        floor.encode += time.perf_counter() - filtered
        floor.frames += 1
    began = time.perf_counter()
    floor.bytes_out += sum(packet.size for packet in encoder.encode(None))
    floor.encode += time.perf_counter() - began
    return floor


def _decoded(clip: Path, floor: Floor) -> Iterator[av.VideoFrame]:
    """The clip's frames; what decoding takes is added to `floor.decode`, without reading the file."""
    with av.open(str(clip)) as source:
        video = main_video(source)
        video.codec_context.thread_count, video.codec_context.thread_type = 1, ThreadType.NONE
        for packet in source.demux(video):
            began = time.perf_counter()
            frames = video.codec_context.decode(packet)
            floor.decode += time.perf_counter() - began
            yield from frames


def blur(source: Planes, target: Planes, work: Work) -> None:
    """Y, U and V of 4:2:0 from one frame's memory into another's."""
    (luma, *chroma), (luma_out, *chroma_out) = source, target
    cv2.GaussianBlur(luma, (work.ksize, work.ksize), 0, dst=luma_out)
    ksize, sigma = work.half
    for plane, out in zip(chroma, chroma_out, strict=True):
        cv2.GaussianBlur(plane, (ksize, ksize), sigma, dst=out)


def measure_apart(clip: Path, work: Work, crf: int, copies: int = 1) -> list[Floor]:
    """`measure` in so many fresh processes at the same time. Raises `subprocess.CalledProcessError`."""
    options = ["--crf", str(crf), "--ksize", str(work.ksize), "--preset", work.preset]
    command = [sys.executable, "-m", "benchmarks.floor", str(clip.absolute()), *options]
    running = [subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) for _ in range(copies)]
    said = [(process, process.communicate()[0]) for process in running]
    for process, _ in said:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    return [Floor(**json.loads(text)) for _, text in said]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floor", description="The least that a blur can cost.")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--crf", type=int, default=23)
    parser.add_argument("--ksize", type=int, default=15)
    parser.add_argument("--preset", default="veryfast")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    ffmpeg.silence()
    print(json.dumps(asdict(measure(given.clip, Work(given.ksize, given.preset), given.crf))))


if __name__ == "__main__":
    main()
