"""A slot's work on the part of a chain that goes through the film in order; nothing is encoded for the film here.

Where every state can be handed on as bytes (`pass_over`), the stage makes nothing but the state that each chunk begins
with. It runs the filters over a chunk's frames and drops these: the slot that does the chunk makes them again, from the
state, beside all others. So no frame travels. A filter runs twice, which costs less than a frame's way over the network
without loss does, unless it is a slow one.

Where a state can't leave its process (`LiveStage`), the chain up to it runs on and on, suspended between two leases,
and its pictures are handed on.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterator

from vidproc.errors import WorkerError
from vidproc.filters.contract import Picture
from vidproc.media.convert import Converter
from vidproc.media.decode import Decoder
from vidproc.media.intermediate import IntermediateEncoder
from vidproc.model import ChunkReport, ChunkTask
from vidproc.pipelines.fallbacks import Guard
from vidproc.pipelines.plan import Pipeline
from vidproc.pipelines.run import Spent
from vidproc.processes.gauge import Gauge
from vidproc.worker.footage import Footage, Pictures, time_of
from vidproc.worker.states import States

Result = tuple[ChunkReport, bytes]


def converter_for(task: ChunkTask) -> Converter:
    return Converter(task.encoder.colour, task.encoder.width, task.encoder.height)


def pass_over(
    task: ChunkTask, packets: memoryview, states: States, decoder: Decoder, pipeline: Pipeline, gauge: Gauge
) -> Result:
    """The states that the next chunk begins with.

    A filter's state there is that before the first frame that the chunk needs of it, which is one before the chunk's
    own where filters behind it look back.
    """
    began, spent, converter = time.perf_counter(), Spent(), converter_for(task)
    footage = Footage(task, decoder, converter, gauge, spent)
    behind = pipeline.after(pipeline.cut).reach
    start, stop = (max(task.first, behind.first(rank)) for rank in (task.start, task.stop))
    pictures = footage.pictures(packets, task.first, task.last, pipeline.reach.first(task.stop))
    footage.mark()
    made = pipeline.until(pipeline.cut).run(
        pictures, start, stop, converter,
        clock=time.perf_counter, spent=spent, time_of=functools.partial(time_of, task), handover=states,
        guard=Guard(watch=gauge),
    )  # fmt: skip
    for _ in made if start < stop else ():
        footage.count()
    footage.feed_the_rest()
    return footage.report(time.perf_counter() - began, {}, extradata=b"", delay=0, latency={}), states.left()


class LiveStage:
    """The chain up to the last filter whose state is opaque, from the beginning of a continuity segment on."""

    def __init__(self, pipeline: Pipeline, task: ChunkTask, gauge: Gauge) -> None:
        self.next_chunk = task.chunk
        self._task = task
        self._pipeline = pipeline.until(pipeline.cut)
        self._converter = converter_for(task)
        self._gauge = gauge
        self._spent = Spent()
        self._pictures: Pictures = iter(())
        self._made: Pictures = iter(())
        self._fed_to = 0
        self._decoder: Decoder | None = None

    def __iter__(self) -> Iterator[tuple[int, Picture]]:
        return self

    def __next__(self) -> tuple[int, Picture]:
        """What the chain asks for: the pictures of the chunk in hand. It asks for more where the segment ends."""
        return next(self._pictures)

    def run(self, task: ChunkTask, packets: memoryview) -> Result:
        """The chunk's pictures as the chain makes them. After any error this is of no use any more."""
        if task.chunk != self.next_chunk:
            raise WorkerError("the stage is not where this chunk begins")
        began, self._task = time.perf_counter(), task
        if task.begins:
            self._begin_segment(task)
        footage = Footage(task, self._decoder_for(task), self._converter, self._gauge, self._spent)
        last = min(task.last, self._pipeline.reach.last(task.stop))
        self._pictures = footage.pictures(packets, self._fed_to, last, last)
        self._fed_to, self.next_chunk = last, task.chunk + 1
        out = _HandingOn(footage, not task.replays)
        for _ in range(task.start, task.stop):
            out.add(*next(self._made))
        footage.feed_the_rest()
        return out.result(time.perf_counter() - began)

    def _begin_segment(self, task: ChunkTask) -> None:
        self._fed_to = task.first
        self._made = self._pipeline.run(
            self, task.start, sys.maxsize, self._converter,
            clock=time.perf_counter, spent=self._spent, time_of=lambda rank: time_of(self._task, rank),
            guard=Guard(watch=self._gauge),
        )  # fmt: skip

    def _decoder_for(self, task: ChunkTask) -> Decoder:
        if self._decoder is None or not task.continues:
            self._decoder = Decoder(task.stream, task.on_decode_error, alone=True)
        return self._decoder


class _HandingOn:
    """The pictures of a chunk on their way to others, unless they have them."""

    def __init__(self, footage: Footage, wanted: bool) -> None:
        self._footage = footage
        self._wanted = wanted
        self._encoder: IntermediateEncoder | None = None
        self._format = ""
        self._coding_s = 0.0

    def add(self, rank: int, picture: Picture) -> None:
        began = time.perf_counter()
        if self._wanted:
            if self._encoder is None:
                self._format = picture.format
                self._encoder = IntermediateEncoder(picture.format, picture.width, picture.height)
            self._encoder.encode(rank, picture)
        self._footage.count()
        self._coding_s += time.perf_counter() - began

    def result(self, whole_s: float) -> Result:
        coded = self._encoder
        report = self._footage.report(
            whole_s,
            {"hand_on": self._coding_s},
            extradata=b"",
            delay=0,
            latency={},
            made=coded.stream if coded else None,
            made_as=self._format,
            made_sizes=coded.sizes if coded else (),
        )
        return report, coded.records() if coded else b""
