"""Workloads on a small film: reading it, doing its frames, writing the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.clips import Recipe, drawn
from benchmarks.guard.place import Place, Work
from vidproc.media import ffmpeg
from vidproc.media.film_clock import FrameTimes
from vidproc.media.ingest import Ingested, Listener, Request, ingest
from vidproc.media.mux import Film, Muxer
from vidproc.media.output_format import encoder_spec
from vidproc.model import Chunk, ChunkTask, EncoderSpec, FilterSpec, JobSpec
from vidproc.pipelines.plan import check
from vidproc.processes.gauge import Gauge
from vidproc.worker.chunk import ChunkRunner

LONG = Recipe(20, 192, 108)
"""To read and to write, where a frame's size counts for little."""
SHORT = Recipe(1, 256, 144)


def indexing(place: Place) -> Work:
    clip = _quiet(LONG)
    return lambda: ingest(clip, place.folder / "packets", Request())


def blur(place: Place) -> Work:
    return _chunk(place, FilterSpec("blur"))


def edges(place: Place) -> Work:
    return _chunk(place, FilterSpec("edges"))


def motion(place: Place) -> Work:
    return _chunk(place, FilterSpec("motion"))


def muxing(place: Place) -> Work:
    """Append all chunks, and finish."""
    clip = _quiet(LONG)
    read = _read(clip, place.folder, (FilterSpec("edges"),))
    runner, info = _runner(place), read.result.info
    done = [runner.run(read.task(chunk), read.packets_of(chunk)) for chunk in read.chunks]
    times = FrameTimes(read.result.times, read.result.durations, info.time_base)
    film = Film(clip, "mp4", read.encoder, times, info.video, info.display_matrix)

    def work() -> None:
        with Muxer(film, place.folder / "film.mp4") as muxer:
            for report, records in done:
                muxer.append(records, report)
            muxer.finish()

    return work


def faces(place: Place) -> Work:
    return _chunk(place, FilterSpec("faces"))


def _chunk(place: Place, *filters: FilterSpec) -> Work:
    """The whole film as one chunk, from its packets to those of the result."""
    read = _read(_quiet(SHORT), place.folder, filters)
    frames = read.result.frames
    whole = Chunk(0, 0, frames, 0, frames, 0, 0, len(read.packets))
    runner = _runner(place)
    return lambda: runner.run(read.task(whole), read.packets)


def _runner(place: Place) -> ChunkRunner:
    gauge = Gauge()
    place.after.callback(gauge.close)
    return ChunkRunner(gauge)


def _quiet(recipe: Recipe) -> Path:
    cv2.setNumThreads(1)
    ffmpeg.silence()
    return drawn(recipe)


@dataclass(frozen=True, slots=True)
class _Read:
    """A film that was read, and how it is to be done."""

    result: Ingested
    packets: bytes
    chunks: list[Chunk]
    filters: tuple[FilterSpec, ...]
    encoder: EncoderSpec

    def packets_of(self, chunk: Chunk) -> bytes:
        return self.packets[chunk.packets_start : chunk.packets_stop]

    def task(self, chunk: Chunk) -> ChunkTask:
        stream = self.result.info.stream
        span = chunk.start, chunk.stop, chunk.first, chunk.last
        return ChunkTask("job", chunk.index, *span, stream, self.filters, self.encoder, stream.width, stream.height)


def _read(clip: Path, folder: Path, filters: tuple[FilterSpec, ...]) -> _Read:
    chunks: list[Chunk] = []
    packets = folder / "packets"
    result = ingest(clip, packets, Request(reach=check(filters)), Listener(chunks=chunks.extend))
    encoder, _ = encoder_spec(result.info.stream, JobSpec(filters, crf=23.0))
    return _Read(result, packets.read_bytes(), chunks, filters, encoder)
