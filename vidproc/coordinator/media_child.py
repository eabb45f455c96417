"""What a media process does: index a source, then write its film. It runs in a child of the coordinator."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from vidproc.coordinator.media import Ingested, Muxed, Planned, Probed, ToIngest, ToOpen
from vidproc.errors import MediaError, VidprocError
from vidproc.media import ffmpeg, ingest
from vidproc.media.film_clock import FilmClock, FrameTimes, Window
from vidproc.media.growing import GrowingFile
from vidproc.media.mux import Film, Muxer
from vidproc.media.output_format import scaling_loss
from vidproc.media.plan import tuning_for
from vidproc.media.probe import SourceInfo
from vidproc.model import Chunk, ChunkReport, EncoderSpec, JobSpec, StreamFormat
from vidproc.processes.bootstrap import allow_processor_time
from vidproc.processes.channel import Channel
from vidproc.processes.failure import Telling
from vidproc.processes.gauge import Gauge
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.storage.disk import disk_errors

_TELL_EVERY_S = 0.1
"""The scheduler shares out a stretch of chunks better when it sees more of it; most films are read within this time."""

_NICE = 9
"""Beyond other children's: one film can wait a moment for others and for the coordinator's loop."""

_TELLING = Telling(
    ffmpeg.OUT_OF_MEMORY,
    MediaError("the film needs more memory than a media process has; raise --memory-limit"),
    bug=VidprocError,
    prefix="a bug in vidproc: ",
)


def serve(channel: Channel, gauge: Gauge) -> None:
    """Do what each message names, until the channel ends."""
    os.nice(_NICE)
    ffmpeg.silence()
    process = _Process(channel, gauge)
    for header, _ in channel:
        for name, request in header.items():
            try:
                getattr(process, name)(request)
            except Exception as error:
                channel.send({"failed": _TELLING.of(error)})


class _Process:
    """One job's source and film. The methods are named like the messages, and called in this order."""

    def __init__(self, channel: Channel, gauge: Gauge) -> None:
        self._channel = channel
        self._gauge = gauge
        self._source: _Source | None = None
        self._result = Path()
        self._muxer: Muxer | None = None

    def ingest(self, request: Mapping[str, Any]) -> None:
        with disk_errors("the film's packets cannot be stored", "file_limit"):
            self._source = _Reading(self._channel, self._gauge, from_plain(ToIngest, request)).read()

    def came(self, _: Mapping[str, int]) -> None:
        """More of a source has come than was wanted to be read."""

    def open(self, request: Mapping[str, Any]) -> None:
        assert self._source is not None
        order = from_plain(ToOpen, request)
        self._result = Path(order.result)
        self._muxer = Muxer(self._source.film(order.encoder), self._result, self._gauge.start)
        self._channel.send({"opened": {}})

    def append(self, request: Mapping[str, Any]) -> None:
        assert self._muxer is not None
        records = Path(request["records"]).read_bytes()
        self._muxer.append(records, from_plain(ChunkReport, request["report"]))
        self._channel.send({"appended": {}})

    def finish(self, _: Mapping[str, Any]) -> None:
        assert self._muxer is not None
        losses = self._muxer.finish()
        with open(self._result, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        muxed = Muxed(self._result.stat().st_size, sha256, losses, time.process_time(), memory_mb)
        self._channel.send({"muxed": to_plain(muxed)})


@dataclass(frozen=True, slots=True)
class _Source:
    """A source that was read."""

    path: Path
    job: JobSpec
    read: ingest.Ingested

    @property
    def times(self) -> bytes:
        """When frames are shown in the result, as `ChunkTask` says it."""
        return FilmClock(self._frames, self._window).microseconds().astype("<i8").tobytes()

    @property
    def _frames(self) -> FrameTimes:
        return FrameTimes(self.read.times, self.read.durations, self.read.info.time_base)

    @property
    def _window(self) -> Window | None:
        return Window(*self.read.kept) if self.read.kept else None

    def film(self, encoder: EncoderSpec) -> Film:
        read = self.read
        return Film(
            source=self.path,
            container=self.job.container,
            encoder=encoder,
            frames=self._frames,
            stream=read.info.video,
            display_matrix=read.info.display_matrix,
            audio=self.job.audio,
            window=self._window,
        )


class _Reading:
    """A source while it is read: the parent is told what it is, and of its chunks as they become known."""

    def __init__(self, channel: Channel, gauge: Gauge, order: ToIngest) -> None:
        self._channel = channel
        self._gauge = gauge
        self._order = order
        self._new_streams: dict[int, StreamFormat] = {}
        self._new_chunks: list[Chunk] = []
        self._told_at = 0.0
        self._wanted = -1

    def read(self) -> _Source:
        order = self._order
        tuning = tuning_for(order.hands_on_frames)
        asked = ingest.Request(order.job.start, order.job.duration, order.reach, tuning, order.limits)
        listener = ingest.Listener(self._opened, self._new_streams.__setitem__, self._planned, self._gauge.start)
        allow_processor_time(order.limits.probe_cpu_s)
        with GrowingFile(order.source, order.size, order.held, self._wait) as self._file:
            read = ingest.ingest(self._file, order.packets, asked, listener)
        self._tell_chunks()
        scaled = [scaling_loss(segment.stream, segment.start, read.info.stream) for segment in read.segments]
        losses = (*read.losses, *chain.from_iterable(scaled))
        rate = float(read.info.stream.frame_rate)
        source = _Source(Path(order.source), order.job, read)
        times = source.times if order.times else b""
        self._channel.send({"ingested": to_plain(Ingested(read.frames, rate, losses, times))})
        return source

    def _opened(self, info: SourceInfo) -> None:
        allow_processor_time()
        self._channel.send({"probed": to_plain(Probed(info.stream, info.frames_from_header or 0, info.display_matrix))})
        self._told_at = time.monotonic()

    def _wait(self, position: int) -> None:
        """Until more of the source has come. What is known by then is told before."""
        self._tell_chunks()
        if position != self._wanted:
            self._wanted = position
            self._channel.send({"wants": position})
        header, data = self._channel.receive()
        came = header["came"]
        if "at" in came:
            self._file.add(came["at"], data)
        else:
            self._file.grow(came["held"])

    def _planned(self, chunks: tuple[Chunk, ...]) -> None:
        self._new_chunks += chunks
        if time.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._tell_chunks()

    def _tell_chunks(self) -> None:
        if not (self._new_chunks or self._new_streams):
            return
        planned = Planned(tuple(self._new_chunks), tuple(self._new_streams.items()))
        self._new_streams.clear()
        self._new_chunks.clear()
        self._told_at = time.monotonic()
        self._channel.send({"planned": to_plain(planned)})
