"""What a job's sequential stage has handed on, and what leases carry of it.

The stage's result of a chunk is a file, as the film's is. Where states go from chunk to chunk it is what the next chunk
begins with, of the film and of the stage. Where the stage is pinned it is the chunk's frames as packet records, and a
chunk of the film is leased with those of the records, of one file or of several, that the filters behind the stage see.
What nobody will ask for any more is removed, since frames are large.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from vidproc.filters.contract import Shape
from vidproc.model import TIME_BYTES, Chunk, ChunkReport, ChunkTask, FilterSpec, LeaseKind
from vidproc.pipelines.plan import SequentialPart
from vidproc.scheduling.events import Grant
from vidproc.storage.job_folder import JobFolder

Piece = tuple[Path, int, int]
"""A range of bytes of a file."""


@dataclass(frozen=True, slots=True)
class _Frames:
    """One file of frames: the chunk's, and where each frame's record begins and the last one ends."""

    chunk: Chunk
    offsets: Sequence[int]

    def piece(self, path: Path, first: int, last: int) -> Piece:
        start, stop = (max(self.chunk.start, first), min(self.chunk.stop, last))
        return path, self.offsets[start - self.chunk.start], self.offsets[stop - self.chunk.start]


class Staging:
    """The stage of one job. `shape` is that of the pictures that it makes."""

    def __init__(self, part: SequentialPart, filters: Sequence[FilterSpec], shape: Shape, folder: JobFolder) -> None:
        self._part = part
        self._behind = tuple(filters[part.filters :])
        self._shape = shape
        self._folder = folder
        self._made = ChunkReport(0, b"", 0, {}, {})
        self._frames: dict[int, _Frames] = {}
        self._done = 0
        self._removed = 0
        self._attempts: dict[int, int] = {}
        self._replays: Counter[int] = Counter()

    @property
    def retries(self) -> Counter[int]:
        """How often a chunk was done again, by chunk."""
        return self._replays + Counter({chunk: attempts - 1 for chunk, attempts in self._attempts.items()})

    def note_attempt(self, grant: Grant) -> None:
        """A slot is to do a chunk; a replay counts when it is done."""
        self._attempts[grant.chunk] = max(grant.attempt, self._attempts.get(grant.chunk, 1))

    def task(self, grant: Grant, task: ChunkTask, begins: bool, ends: bool) -> ChunkTask:
        """What a slot needs to know for this lease, made from what it would without a stage."""
        if not self._part.pinned and not begins:
            task = replace(task, state_size=self._state(grant.chunk).stat().st_size)
        if grant.kind is LeaseKind.STAGE:
            return replace(
                task, kind=grant.kind, begins=begins, ends=ends, replays=grant.replays, digest_frames=False
            )
        return self._of_what_was_made(task) if self._part.pinned else task

    def payload(self, grant: Grant, chunk: Chunk, packets: Piece, begins: bool) -> list[Piece]:
        """What the lease carries, given the range of the source's packets."""
        if self._part.pinned:
            return [packets] if grant.kind is LeaseKind.STAGE else self._records(*self._needed(chunk))
        if begins:
            return [packets]
        state = self._state(grant.chunk)
        return [packets, (state, 0, state.stat().st_size)]

    def keep(self, chunk: Chunk, report: ChunkReport, replays: bool) -> None:
        """A result of the stage is on disk, under its chunk's number; that of a replay was there before."""
        if replays:
            self._replays[chunk.index] += 1
            return
        self._done = chunk.index + 1
        if self._part.pinned:
            self._made = report
            self._frames[chunk.index] = _Frames(chunk, [0, *itertools.accumulate(report.made_sizes)])

    def let_go(self, delivered: Chunk) -> None:
        """All of the film up to this chunk is done: remove what only that needed."""
        while self._removed < self._done and not self._is_needed_after(delivered):
            self._folder.stage(self._removed).unlink(missing_ok=True)
            self._frames.pop(self._removed, None)
            self._removed += 1

    def _is_needed_after(self, delivered: Chunk) -> bool:
        if self._part.pinned:
            return self._frames[self._removed].chunk.stop > self._part.behind.first(delivered.stop)
        return self._removed + 1 > min(delivered.index, self._done - 1)

    def _state(self, chunk: int) -> Path:
        """What a chunk begins with: the result of the one before."""
        return self._folder.stage(chunk - 1)

    def _of_what_was_made(self, task: ChunkTask) -> ChunkTask:
        first, last = self._needed(task)
        assert self._made.made is not None
        return replace(
            task,
            first=first,
            last=last,
            times=task.times[TIME_BYTES * (first - task.first) : TIME_BYTES * (last - task.first)],
            stream=self._made.made,
            filters=self._behind,
            width=self._shape.width,
            height=self._shape.height,
            continues=False,
            made_as=self._made.made_as,
        )

    def _needed(self, chunk: Chunk | ChunkTask) -> tuple[int, int]:
        """The ranks [first, last) that the filters behind the stage see."""
        behind = self._part.behind
        return max(chunk.first, behind.first(chunk.start)), min(chunk.last, behind.last(chunk.stop))

    def _records(self, first: int, last: int) -> list[Piece]:
        files = sorted(self._frames)
        begin = bisect.bisect_right(files, first, key=lambda n: self._frames[n].chunk.start) - 1
        end = bisect.bisect_left(files, last, key=lambda n: self._frames[n].chunk.start)
        return [self._frames[n].piece(self._folder.stage(n), first, last) for n in files[begin:end]]
