"""A slot's work: packets in, decode, filters, encode, packets out. This is what runs in the slot's own process.

One thread does it all, frame by frame, so a slot uses one core and holds a handful of frames. Frames are decoded into
memory of FFmpeg's, seen as arrays without a copy, and filtered into the encoder's own frames where the formats agree.
"""

from __future__ import annotations

import functools
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import cv2

from vidproc._version import __version__
from vidproc.errors import CannotContinueError, OutOfMemoryError, WorkerError
from vidproc.media import ffmpeg
from vidproc.media.canvas import Canvas
from vidproc.media.decode import Decoder
from vidproc.media.encode import ChunkEncoder
from vidproc.media.pictures import FrameDigest, working_format
from vidproc.metrics.histogram import Histogram
from vidproc.model import ChunkReport, ChunkTask, LeaseKind
from vidproc.pipelines.fallbacks import Guard
from vidproc.pipelines.plan import Pipeline, plan
from vidproc.pipelines.run import Spent
from vidproc.processes.chance import seed
from vidproc.processes.channel import Channel
from vidproc.processes.failure import Telling
from vidproc.processes.gauge import Gauge
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.worker.file_cache import FileCache
from vidproc.worker.footage import Footage, time_of
from vidproc.worker.stage import LiveStage, converter_for, pass_over
from vidproc.worker.states import States

_MOST_STAGES = 4
"""Live ones in a slot. One whose job ended before its last chunk is dropped when others come."""

_TELLING = Telling(
    ffmpeg.OUT_OF_MEMORY,
    OutOfMemoryError("a slot ran out of memory: raise --memory-limit, or give it smaller frames"),
    bug=WorkerError,  # which is worth another try
)

_MOST_FALLBACKS = 50
"""Frames named in a report, with their reasons: it must fit into a message."""

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
        reading = gauge.read()
        channel.send({"failed": {**_TELLING.of(error), "frame": reading.frame, "call": to_plain(reading.call)}})
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
    """Runs chunks, and chunks of stages; keeps the decoder open between two that follow one another, and what filters
    made of their files.

    `files` must have those that a task names before it is run.
    """

    def __init__(self, gauge: Gauge) -> None:
        self.files = FileCache()
        self._load = functools.lru_cache(maxsize=_MOST_LOADED)(lambda type, sha256: type.read(self.files[sha256]))
        self._gauge = gauge
        self._decoder: Decoder | None = None
        self._decoded: tuple[str, LeaseKind, int] | None = None
        self._stages: dict[str, LiveStage] = {}

    def run(self, task: ChunkTask, payload: bytes | memoryview) -> tuple[ChunkReport, bytes]:
        """The task's report, and its packet records or its state. Raises `MediaError`, `FilterError`, `WorkerError`."""
        began = time.perf_counter()
        seed(task.start)
        packets, state = _parts(payload, task.state_size)
        if task.kind is LeaseKind.STAGE and not task.begins and task.job_id in self._stages:
            return self._run_live(self._stages.pop(task.job_id), task, packets)
        source_format = task.made_as or working_format(task.stream.pix_fmt)
        pipeline = plan(task.filters, source_format, task.encoder.pix_fmt, self._load)
        if task.kind is LeaseKind.STAGE and pipeline.pinned:
            return self._run_live(self._begun(task, pipeline), task, packets)
        decoder, states = self._decoder_for(task), States(bytes(state))
        if task.kind is LeaseKind.STAGE:
            result = pass_over(task, packets, states, decoder, pipeline, self._gauge)
        else:
            work = _Work(task, decoder, pipeline, states, self._gauge)
            work.do(packets)
            result = work.result(time.perf_counter() - began)
        if result[0].can_continue:
            self._decoder, self._decoded = decoder, (task.job_id, task.kind, task.chunk)
        return result

    def _decoder_for(self, task: ChunkTask) -> Decoder:
        decoder, decoded = self._decoder, self._decoded
        self._decoder = None  # whatever goes wrong now, nothing can go on from it
        if not task.continues:
            return Decoder(task.stream, task.on_decode_error)
        if decoder is None or decoded != (task.job_id, task.kind, task.chunk - 1):
            raise CannotContinueError("this slot's decoder is not open where the chunk begins")
        return decoder

    def _begun(self, task: ChunkTask, pipeline: Pipeline) -> LiveStage:
        """A stage at its first chunk, or at a segment's."""
        if not task.begins:
            raise WorkerError("the stage that this chunk belongs to is not in this slot")
        while len(self._stages) >= _MOST_STAGES:
            del self._stages[next(iter(self._stages))]
        held = self._stages.pop(task.job_id, None)
        return held if held is not None and held.next_chunk == task.chunk else LiveStage(pipeline, task, self._gauge)

    def _run_live(self, stage: LiveStage, task: ChunkTask, packets: memoryview) -> tuple[ChunkReport, bytes]:
        result = stage.run(task, packets)
        if not task.ends:
            self._stages[task.job_id] = stage
        return result


def _parts(payload: bytes | memoryview, state_size: int) -> tuple[memoryview, memoryview]:
    """The packets, and the state behind them."""
    view = memoryview(payload)
    return view[: len(view) - state_size], view[len(view) - state_size :]


class _Work:
    """One chunk of the film, from its packets to its report."""

    def __init__(self, task: ChunkTask, decoder: Decoder, pipeline: Pipeline, states: States, gauge: Gauge) -> None:
        self._task = task
        self._pipeline = pipeline
        self._states = states
        self._encoder = ChunkEncoder(task.encoder)
        self._canvas = Canvas(self._encoder, task.encoder.width, task.encoder.height)
        self._converter = converter_for(task)
        self._spent = Spent()
        self._footage = Footage(task, decoder, self._converter, gauge, self._spent)
        self._encode_s = 0.0
        self._latency = Histogram()
        self._field_orders: set[str] = set()
        self._digest = FrameDigest() if task.digest_frames else None
        known = {fault.call: fault.reason for fault in task.faults}
        self._guard = Guard(known, task.kind is LeaseKind.FRAME, task.on_error, gauge)

    def do(self, packets: memoryview) -> None:
        task, footage = self._task, self._footage
        footage.mark()
        pictures = footage.pictures(packets, task.first, task.last, self._pipeline.reach.first(task.stop))
        frames = self._pipeline.run(
            pictures, task.start, task.stop, self._converter, self._canvas,
            clock=time.perf_counter, spent=self._spent, time_of=functools.partial(time_of, task), handover=self._states,
            guard=self._guard,
        )  # fmt: skip
        began = time.perf_counter()
        for rank, picture in frames:
            filtered = time.perf_counter()
            self._field_orders.add(picture.field_order)
            if self._digest is not None:
                self._digest.update(picture)
            self._encoder.encode(rank, self._canvas.frame_of(picture))
            footage.count()
            ended = time.perf_counter()
            self._encode_s += ended - filtered
            self._latency.add(ended - began)
            began = ended
        self._chunk = self._encoder.finish(footage.mark)
        self._encode_s += time.perf_counter() - began
        footage.feed_the_rest()

    def result(self, whole_s: float) -> tuple[ChunkReport, bytes]:
        """`whole_s`: seconds from the task to its end."""
        fallbacks = self._guard.fallbacks(range(self._task.start, self._task.stop))
        report = self._footage.report(
            whole_s,
            {"encode": self._encode_s},
            extradata=self._chunk.extradata,
            delay=self._chunk.delay,
            latency=self._latency.counts,
            field_orders=tuple(sorted(self._field_orders)),
            digest=self._digest.hexdigest() if self._digest else "",
            fell_back=len(fallbacks),
            fallbacks=tuple(fallbacks[:_MOST_FALLBACKS]),
        )
        return report, self._chunk.records
