"""What a picture process does: read one film, then show frames of it. It runs in a child of the coordinator.

A preview is made by the very parts that a slot works with, so that it shows what the job makes. A filter that goes
through the film in order would have to begin at its start; here it begins a few frames before, which is said.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2

from vidproc.coordinator.media import check_frame_size
from vidproc.coordinator.picture_orders import OPEN_CPU_S, SHOW_CPU_S, Facts, Shown, ToAnimate, ToCut, ToOpen, ToShow
from vidproc.errors import ClientError, MediaError, NotHereError, StorageError, VidprocError
from vidproc.filters.contract import Array
from vidproc.filters.file_type import FileType
from vidproc.media import ffmpeg
from vidproc.media.convert import Converter
from vidproc.media.film_clock import FINEST, FilmClock, FrameTimes, Window
from vidproc.media.ingest import Ingested, Listener, Request, Segment, ingest
from vidproc.media.output_format import encoder_spec, shape_of
from vidproc.media.pictures import working_format
from vidproc.media.random_access import RandomAccess, Stretch
from vidproc.media.showing import Posture, gif, jpeg, shown
from vidproc.model import Chunk, EncoderSpec, JobSpec
from vidproc.pipelines.plan import Pipeline, plan, shapes
from vidproc.processes.bootstrap import allow_processor_time
from vidproc.processes.chance import seed
from vidproc.processes.channel import Channel
from vidproc.processes.failure import Telling
from vidproc.processes.gauge import Gauge
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.storage.disk import disk_errors

_MOST_BEFORE = 300
_MOST_PIXELS_BEFORE = _MOST_BEFORE * 1920 * 1080
"""Frames that are gone through before the one that is shown; where filters remember more, the picture comes near. Of
larger ones fewer, or it would take too long."""

_MOST_LANDMARKS = 60

_MOST_LOADED = 4
"""Files whose meaning is kept, as a slot does."""

_RESERVE = 256 * 2**20
"""Free bytes that are left to jobs."""

_TELLING = Telling(
    ffmpeg.OUT_OF_MEMORY,
    MediaError("the picture needs more memory than its process has; raise --memory-limit"),
    bug=VidprocError,
    prefix="a bug in vidproc: ",
)


def serve(channel: Channel, gauge: Gauge) -> None:
    """Do what each message names, until the channel ends."""
    cv2.setNumThreads(1)
    ffmpeg.silence()
    process = _Process(channel)
    for header, _ in channel:
        for name, request in header.items():
            allow_processor_time(SHOW_CPU_S)
            try:
                getattr(process, name)(request)
            except Exception as error:
                channel.send({"failed": _TELLING.of(error)})


class _Process:
    """The methods are named like the messages; `open` comes before `show`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._film: _Film | None = None

    def open(self, request: Mapping[str, Any]) -> None:
        order = from_plain(ToOpen, request)
        with disk_errors("the film's packets cannot be stored"):
            self._film = _read(order)
        self._channel.send({"opened": to_plain(self._film.facts)})

    def show(self, request: Mapping[str, Any]) -> None:
        bgr, exact = self._of_film(from_plain(ToShow, request))
        self._answer(jpeg(bgr), exact)

    def cut(self, request: Mapping[str, Any]) -> None:
        self._answer(jpeg(_cut(from_plain(ToCut, request))))

    def animate(self, request: Mapping[str, Any]) -> None:
        asked = from_plain(ToAnimate, request)
        pictures = [*map(_cut, asked.cuts), *(self._of_film(each)[0] for each in asked.frames)]
        self._answer(gif(pictures, asked.rate))

    def _of_film(self, asked: ToShow) -> tuple[Array, bool]:
        assert self._film is not None
        return self._film.show(asked)

    def _answer(self, picture: bytes, exact: bool = True) -> None:
        self._channel.send({"shown": to_plain(Shown(not exact))}, picture)


def _cut(it: ToCut) -> Array:
    stream, stretch = it.stream, Stretch(Path(it.path), it.start, it.stop, it.stream)
    converter = Converter(stream.colour, stream.width, stream.height)
    return shown(stretch.picture(it.rank, converter), converter, Posture(stream.sar, it.display_matrix), it.width)


def _read(order: ToOpen) -> _Film:
    film, packets = Path(order.film), Path(order.packets)
    try:
        size = film.stat().st_size
    except FileNotFoundError:
        raise NotHereError("this film is no longer here") from None
    if shutil.disk_usage(packets.parent).free < size + _RESERVE:
        raise StorageError("too little disk at the coordinator to look into this film")
    chunks: list[Chunk] = []
    asked = Request(order.start, order.duration, limits=order.limits)
    allow_processor_time(order.limits.probe_cpu_s)
    known = Listener(lambda info: allow_processor_time(OPEN_CPU_S), chunks=chunks.extend)
    source = ingest(film, packets, asked, known)
    stream = source.info.stream
    check_frame_size(shape_of(stream), order.frame_pixels, MediaError)
    return _Film(size, source, chunks, packets, order.frame_pixels)


class _Film:
    """A film that was read."""

    def __init__(self, size: int, source: Ingested, chunks: list[Chunk], packets: Path, frame_pixels: int) -> None:
        self._size = size
        self._source = source
        self._loaded: dict[tuple[FileType, str], Any] = {}
        self._frame_pixels = frame_pixels
        stream = source.info.stream
        self._converter = Converter(stream.colour, stream.width, stream.height)
        self._frames = RandomAccess(source, chunks, packets, self._converter)

    @property
    def facts(self) -> Facts:
        info, stream = self._source.info, self._source.info.stream
        clock, last = self._clock, self._source.frames - 1
        wide, high = self._posture(stream.sar).size(stream.width, stream.height)
        return Facts(
            size=self._size,
            container=info.container,
            codec=stream.codec,
            width=stream.width,
            height=stream.height,
            pix_fmt=stream.pix_fmt,
            shown_width=wide,
            shown_height=high,
            frames=self._source.frames,
            fps=float(stream.frame_rate),
            duration_s=float((clock.shown(last) + clock.duration(last) - clock.shown(0)) * clock.tick),
            field_order=stream.field_order,
            streams=tuple((each.type, each.codec) for each in info.streams),
            losses=self._source.losses,
            landmarks=self._frames.landmarks(_MOST_LANDMARKS),
        )

    def show(self, asked: ToShow) -> tuple[Array, bool]:
        """The frame, and whether a job would show the same."""
        segment = self._frames.segment_of(asked.rank)
        if asked.job is not None:
            return self._filtered(segment, asked.job, asked)
        ((_, picture),) = self._frames.pictures(range(asked.rank, asked.rank + 1))
        return shown(picture, self._converter, self._posture(self._source.info.stream.sar), asked.width), True

    def _filtered(self, segment: Segment, job: JobSpec, asked: ToShow) -> tuple[Array, bool]:
        spec = self._encoder(job)
        load = partial(self._load, asked.files)
        pipeline = plan(job.filters, working_format(segment.stream.pix_fmt), spec.pix_fmt, load)
        most = min(_MOST_BEFORE, _MOST_PIXELS_BEFORE // (segment.stream.width * segment.stream.height))
        begin, needed, exact = _way(pipeline, asked.rank, range(segment.start, segment.stop), most)
        converter = Converter(spec.colour, spec.width, spec.height)
        seed(begin)
        frames = self._frames.pictures(needed)
        for _, picture in pipeline.run(frames, begin, asked.rank + 1, converter, time_of=self._time_of):
            last = picture
        return shown(last, converter, self._posture(spec.sar), asked.width), exact

    def _load(self, files: Mapping[str, str], type: FileType, sha256: str) -> Any:
        """What it means is kept, for the next turn of a knob."""
        if (type, sha256) not in self._loaded:
            while len(self._loaded) >= _MOST_LOADED:
                del self._loaded[next(iter(self._loaded))]
            try:
                data = Path(files[sha256]).read_bytes()
            except FileNotFoundError:
                raise NotHereError("a file that a filter names is no longer here") from None
            self._loaded[type, sha256] = type.read(data)
        return self._loaded[type, sha256]

    def _encoder(self, job: JobSpec) -> EncoderSpec:
        made = shapes(job.filters, shape_of(self._source.info.stream))
        for shape in made:
            check_frame_size(shape, self._frame_pixels, ClientError)
        return encoder_spec(self._source.info.stream, job, made[-1])[0]

    def _posture(self, sar: Fraction) -> Posture:
        return Posture(sar, self._source.info.display_matrix)

    @cached_property
    def _clock(self) -> FilmClock:
        read = self._source
        times = FrameTimes(read.times, read.durations, read.info.time_base)
        return FilmClock(times, Window(*read.kept) if read.kept else None)

    @cached_property
    def _microseconds(self) -> Any:
        return self._clock.microseconds()

    def _time_of(self, rank: int) -> Fraction:
        return Fraction(int(self._microseconds[rank]), FINEST)


def _way(pipeline: Pipeline, rank: int, segment: range, most: int) -> tuple[int, range, bool]:
    """The first frame to put through the filters, the source's frames that this takes, `most` of them before the one
    that is wanted, and whether a job would make the same of them."""
    reach = pipeline.reach
    earliest = max(segment.start, rank - most)
    begin = earliest if pipeline.cut else rank
    first = max(segment.start, reach.first(begin))
    needed = range(max(first, earliest), min(segment.stop, reach.last(rank + 1)))
    exact = first >= earliest and (not pipeline.cut or begin == segment.start)
    return begin, needed, exact
