"""The frames of a task: its packets decoded into pictures, what that took, and how far it is."""

from __future__ import annotations

import contextlib
import resource
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from vidproc.filters.contract import Picture
from vidproc.filters.fields import ordered
from vidproc.media.convert import Converter
from vidproc.media.decode import Decoder
from vidproc.media.film_pictures import FilmPictures
from vidproc.media.intermediate import field_orders, picture_of
from vidproc.media.slot_memory import MOST_KEPT
from vidproc.metrics.runs import Run, joined
from vidproc.model import ChunkReport, ChunkTask
from vidproc.pipelines.run import Spent
from vidproc.processes.gauge import Gauge

Pictures = Iterator[tuple[int, Picture]]


_TIME = struct.Struct("<q")


def time_of(task: ChunkTask, rank: int) -> Fraction:
    """When a frame is shown, in seconds of the result."""
    (microseconds,) = _TIME.unpack_from(task.times, _TIME.size * (rank - task.first))
    return Fraction(microseconds, 1_000_000)


class Footage:
    """Decodes one task's packets, and keeps its figures. `spent` is where its filters count their time."""

    def __init__(self, task: ChunkTask, decoder: Decoder, converter: Converter, gauge: Gauge, spent: Spent) -> None:
        self._task = task
        self._decoder = decoder
        self._gauge = gauge
        self._spent = spent
        self._spent_before = spent.filters, spent.conversions
        self._decode_s = self._lead_in_s = 0.0
        self._resumed = 0.0  # when the decoder last got on with a packet
        self._first = task.first
        self._leading = True
        self._keeps = True
        self._finished = 0
        self._film = FilmPictures(task.stream, converter, task.width, task.height)
        self._cpu_began = time.process_time()
        forget_peak()
        self._frames: Iterator[Any] = iter(())

    def pictures(self, packets: bytes | memoryview, first: int, last: int, keep_from: int) -> Pictures:
        """The ranks [first, last), as pictures of the size that the film begins with, timed.

        Those from `keep_from` on can be had again by whoever goes on from here.
        """
        task, self._first = self._task, first
        self._keeps = (task.stop - max(first, keep_from)) * task.width * task.height <= MOST_KEPT
        self._frames = self._decoder.frames(
            packets, first, last, keep_from if self._keeps else None, task.continues, on_decoded=self._note
        )
        orders = field_orders(packets) if task.made_as else {}
        began = self._resumed = time.perf_counter()
        for rank, frame in self._frames:
            self._leading, decoded = False, time.perf_counter()
            self._decode_s += decoded - began
            if task.made_as:
                picture = ordered(picture_of(frame, task.made_as, task.width, task.height), orders[rank])
            else:
                picture = self._film.of(frame)
            self._spent.conversions += time.perf_counter() - decoded
            yield rank, picture
            began = self._resumed = time.perf_counter()
        self._decode_s += time.perf_counter() - began

    def feed_the_rest(self) -> None:
        """The packets behind the last frame that was asked for, so that the next chunk can go on from there."""
        began = time.perf_counter()
        for _ in self._frames:
            pass
        self._decode_s += time.perf_counter() - began

    def count(self) -> None:
        """One more frame of the result is finished."""
        self._finished += 1
        self.mark()

    def mark(self) -> None:
        """Something got on. In hand is the next frame of the result, whichever one is being decoded for it."""
        self._gauge.set(min(self._task.start + self._finished, self._task.stop - 1), self._finished)

    def report(self, whole_s: float, seconds: Mapping[str, float], **more: Any) -> ChunkReport:
        """`whole_s`: seconds from the task to its end; `seconds`, by part, are those of what is not done here. What was
        no part of the work on frames was opening codecs."""
        filters, conversions = self._spent_before
        parts = {
            "decode": max(0.0, self._decode_s - self._lead_in_s),  # clocks that are read apart
            "lead_in": self._lead_in_s,
            "filter": self._spent.filters - filters,
            "convert": self._spent.conversions - conversions,
            **seconds,
        }
        parts["open"] = max(0.0, whole_s - sum(parts.values()))
        return ChunkReport(
            frames=self._task.stop - self._task.start,
            seconds=parts,
            concealed=self._own(self._decoder.concealed),
            damaged=self._own(self._decoder.damaged),
            lead_in=self._decoder.lead_in,
            can_continue=self._keeps and self._decoder.can_continue,
            cpu_s=time.process_time() - self._cpu_began,
            memory_mb=peak_mb(),
            **more,
        )

    def _note(self, rank: int) -> None:
        """A packet was fed; in the lead-in, when no frame has come out yet, all time since the last one was its. Later
        there may be more that nobody is shown."""
        self.mark()
        if self._leading and rank < self._first:
            now = time.perf_counter()
            self._lead_in_s += now - self._resumed
            self._resumed = now

    def _own(self, ranks: Iterable[int]) -> tuple[Run, ...]:
        """Runs of the chunk's own frames: those that filters see beyond its ends are its neighbours'."""
        task = self._task
        return joined((rank, rank + 1) for rank in ranks if task.start <= rank < task.stop)


def forget_peak() -> None:
    """From here on `peak_mb` tells of what comes, and not of other jobs' chunks before (proc(5), `clear_refs`)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_mb() -> float:
    """The most MiB that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
