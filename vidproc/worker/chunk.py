"""A slot's work: packets in, decode, filters, encode, packets out. This is what runs in the slot's own process.

One thread does it all, frame by frame, so a slot uses one core and holds a handful of frames. Frames are decoded into
memory of FFmpeg's, seen as arrays without a copy, and filtered into the encoder's own frames where the formats agree.
"""

from __future__ import annotations

import platform
import resource
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import cv2

from vidproc._version import __version__
from vidproc.errors import CannotContinueError, WorkerError
from vidproc.filters.contract import Picture
from vidproc.filters.fields import ordered
from vidproc.media import ffmpeg
from vidproc.media.canvas import Canvas
from vidproc.media.convert import Converter
from vidproc.media.decode import Decoder
from vidproc.media.encode import ChunkEncoder
from vidproc.media.field_order import FieldOrders
from vidproc.media.pictures import FrameDigest, working_format
from vidproc.media.slot_memory import MOST_KEPT
from vidproc.metrics.histogram import Histogram
from vidproc.metrics.runs import Run, joined
from vidproc.model import ChunkReport, ChunkTask
from vidproc.pipelines.plan import Pipeline, plan
from vidproc.pipelines.run import Spent
from vidproc.processes.channel import Channel
from vidproc.processes.failure import Telling
from vidproc.processes.gauge import Gauge
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.worker.file_cache import FileCache

_TELLING = Telling(
    ffmpeg.OUT_OF_MEMORY,
    WorkerError("a slot ran out of memory: raise --memory-limit, or give it smaller frames"),
    bug=WorkerError,  # which is worth another try
)

_TIME = struct.Struct("<q")
_MOST_LOADED = 4
"""Files whose meaning a slot keeps; a table of colours and what it remembers take tens of megabytes."""


def serve(channel: Channel, gauge: Gauge) -> None:
    """The slot's process: do one task after the other until the channel ends."""
    cv2.setNumThreads(1)
    ffmpeg.silence()
    slot = ChunkRunner(gauge)
    channel.send({"ready": _versions()})
    for header, payload in channel:
        if "files" in header:
            channel.send({"wanted": slot.files.missing(header["files"])})
        elif "file" in header:
            slot.files.add(header["file"], payload)
        else:
            _do(slot, channel, gauge, header["task"], payload)


def _do(slot: ChunkRunner, channel: Channel, gauge: Gauge, task: Any, packets: bytes) -> None:
    try:
        report, records = slot.run(from_plain(ChunkTask, task), packets)
    except Exception as error:
        channel.send({"failed": {**_TELLING.of(error), "frame": gauge.read().frame}})
    else:
        channel.send({"done": to_plain(report)}, records)


def _versions() -> Mapping[str, str]:
    """What the output's bytes may depend on."""
    return {
        "vidproc": __version__,
        "opencv": cv2.__version__,
        "ffmpeg": ffmpeg.VERSION,
        "numpy": version("numpy"),
        "machine": platform.machine(),
    }


class ChunkRunner:
    """Runs chunks; keeps the decoder open between two that follow one another, and what filters made of their files.

    `files` must have those that a task names before it is run.
    """

    def __init__(self, gauge: Gauge) -> None:
        self.files = FileCache()
        self._load = lru_cache(maxsize=_MOST_LOADED)(lambda type, sha256: type.read(self.files[sha256]))
        self._gauge = gauge
        self._decoder: Decoder | None = None
        self._decoded: tuple[str, int] = ("", -1)

    def run(self, task: ChunkTask, packets: bytes) -> tuple[ChunkReport, bytes]:
        """The chunk's report and its encoded packet records. Raises `MediaError`, `FilterError`, `WorkerError`."""
        began = time.perf_counter()
        decoder = self._decoder_for(task)
        pipeline = plan(task.filters, working_format(task.stream.pix_fmt), task.encoder.pix_fmt, self._load)
        work = _Work(task, decoder, pipeline, self._gauge)
        work.do(packets)
        report, records = work.report(time.perf_counter() - began)
        if report.can_continue:
            self._decoder, self._decoded = decoder, (task.job_id, task.chunk)
        return report, records

    def _decoder_for(self, task: ChunkTask) -> Decoder:
        decoder, decoded = self._decoder, self._decoded
        self._decoder = None  # whatever goes wrong now, nothing can go on from it
        if not task.continues:
            return Decoder(task.stream, task.on_decode_error)
        if decoder is None or decoded != (task.job_id, task.chunk - 1):
            raise CannotContinueError("this slot's decoder is not open where the chunk begins")
        return decoder


class _Work:
    """One chunk, from its packets to its report."""

    def __init__(self, task: ChunkTask, decoder: Decoder, pipeline: Pipeline, gauge: Gauge) -> None:
        self._task = task
        self._decoder = decoder
        self._pipeline = pipeline
        self._keep_from = max(task.first, pipeline.reach.first(task.stop))
        self._keeps = (task.stop - self._keep_from) * task.width * task.height <= MOST_KEPT
        self._gauge = gauge
        self._encoder = ChunkEncoder(task.encoder)
        self._canvas = Canvas(self._encoder, task.encoder.width, task.encoder.height)
        self._converter = Converter(task.encoder.colour, task.encoder.width, task.encoder.height)
        self._spent = Spent()
        self._decode_s = self._lead_in_s = self._encode_s = 0.0
        self._resumed = 0.0  # when the decoder last got on with a packet
        self._latency = Histogram()
        self._finished = 0
        self._fields = FieldOrders(task.stream.codec, task.stream.field_order)
        self._field_orders: set[str] = set()
        self._digest = FrameDigest() if task.digest_frames else None
        self._cpu_began = time.process_time()

    def do(self, packets: bytes) -> None:
        self._mark()
        task, pictures = self._task, self._pictures(packets)
        frames = self._pipeline.run(
            pictures, task.start, task.stop, self._converter, self._canvas,
            clock=time.perf_counter, spent=self._spent, time_of=self._time_of,
        )  # fmt: skip
        began = time.perf_counter()
        for rank, picture in frames:
            filtered = time.perf_counter()
            self._field_orders.add(picture.field_order)
            if self._digest is not None:
                self._digest.update(picture)
            self._encoder.encode(rank, self._canvas.frame_of(picture))
            self._finished += 1
            self._mark()
            ended = time.perf_counter()
            self._encode_s += ended - filtered
            self._latency.add(ended - began)
            began = ended
        self._chunk = self._encoder.finish(self._mark)
        encoded = time.perf_counter()
        self._encode_s += encoded - began
        for _ in self._frames:  # feeds the packets that are left, so that the next chunk can go on from there
            pass
        self._decode_s += time.perf_counter() - encoded

    def _time_of(self, rank: int) -> Fraction:
        """When a frame is shown, in seconds of the result."""
        (microseconds,) = _TIME.unpack_from(self._task.times, _TIME.size * (rank - self._task.first))
        return Fraction(microseconds, 1_000_000)

    def _pictures(self, packets: bytes) -> Iterator[tuple[int, Picture]]:
        """The decoded frames as pictures of the size that the film begins with, timed."""
        task = self._task
        keep_from = self._keep_from if self._keeps else None
        self._frames = self._decoder.frames(
            packets, task.first, task.last, keep_from, task.continues, on_decoded=self._note
        )
        began = self._resumed = time.perf_counter()
        for rank, frame in self._frames:
            decoded = time.perf_counter()
            self._decode_s += decoded - began
            picture = ordered(self._converter.picture(frame), self._fields.of(frame))
            picture = self._converter.resize(picture, task.width, task.height)
            self._spent.conversions += time.perf_counter() - decoded
            yield rank, picture
            began = self._resumed = time.perf_counter()
        self._decode_s += time.perf_counter() - began

    def _note(self, rank: int) -> None:
        """A packet was fed; in the lead-in, when no frame has come out yet, all time since the last one was its."""
        self._mark()
        if rank < self._task.first:
            now = time.perf_counter()
            self._lead_in_s += now - self._resumed
            self._resumed = now

    def _mark(self) -> None:
        """Something got on. In hand is the next frame of the result, whichever one is being decoded for it."""
        self._gauge.set(min(self._task.start + self._finished, self._task.stop - 1), self._finished)

    def report(self, whole_s: float) -> tuple[ChunkReport, bytes]:
        """`whole_s`: seconds from the task to its end. What was no part of the work on frames was opening codecs."""
        chunk = self._chunk
        seconds = {
            "decode": self._decode_s - self._lead_in_s,
            "lead_in": self._lead_in_s,
            "filter": self._spent.filters,
            "convert": self._spent.conversions,
            "encode": self._encode_s,
        }
        seconds["open"] = max(0.0, whole_s - sum(seconds.values()))
        report = ChunkReport(
            frames=chunk.frames,
            extradata=chunk.extradata,
            delay=chunk.delay,
            seconds=seconds,
            latency=self._latency.counts,
            concealed=self._own(self._decoder.concealed),
            damaged=self._own(self._decoder.damaged),
            lead_in=self._decoder.lead_in,
            can_continue=self._keeps and self._decoder.can_continue,
            field_orders=tuple(sorted(self._field_orders)),
            cpu_s=time.process_time() - self._cpu_began,
            digest=self._digest.hexdigest() if self._digest else "",
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
        return report, chunk.records

    def _own(self, ranks: Iterable[int]) -> tuple[Run, ...]:
        """Runs of the chunk's own frames: those that filters see beyond its ends are its neighbours'."""
        task = self._task
        return joined((rank, rank + 1) for rank in ranks if task.start <= rank < task.stop)
