"""A job as the coordinator holds it: what was asked, how far it is, who watches."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from vidproc.coordinator.media import Muxed, Opened
from vidproc.coordinator.source import Source
from vidproc.coordinator.staging import Piece, Staging
from vidproc.errors import VidprocError
from vidproc.metrics.histogram import Histogram
from vidproc.metrics.rate import RateMeter
from vidproc.model import (
    NO_PATHS,
    TIME_BYTES,
    Attempt,
    Chunk,
    ChunkReport,
    ChunkTask,
    JobSpec,
    JobState,
    Paths,
    StreamFormat,
)
from vidproc.protocol.messages import Finished, Message, Progress, Wanted
from vidproc.scheduling.events import Grant
from vidproc.storage.job_folder import JobFolder
from vidproc.storage.upload import Upload

_RATE_WINDOW_S = 3.0
_MOST_TROUBLES = 100

Listener = Callable[[Message], None]

_ENDS = {JobState.FAILED, JobState.CANCELLED}
_NEXT: Mapping[JobState, Set[JobState]] = {
    JobState.UPLOADING: {JobState.INDEXING} | _ENDS,
    JobState.INDEXING: {JobState.RUNNING} | _ENDS,
    JobState.RUNNING: {JobState.MUXING} | _ENDS,
    JobState.MUXING: {JobState.MUXING, JobState.DONE} | _ENDS,  # again, when the first media process died over it
    JobState.DONE: set(),
    JobState.FAILED: set(),
    JobState.CANCELLED: set(),
}
"""The states that may follow each."""


@dataclass(slots=True)
class Done:
    """A chunk's result, and whose it was: a daemon, its slot, and the versions of what it runs."""

    report: ChunkReport
    worker: str
    slot: int
    versions: Mapping[str, str]


@dataclass(slots=True, eq=False)
class Job:
    """`listeners` hear progress and the end; the `sender` is who the source is to come from, as long as it is on its
    way; at `wanted_at` (monotonic seconds) somebody was last there who would want the result. The scheduler, not this,
    knows which chunks are leased. `frames_in_hand` are by lease, without those of a chunk's second run.

    `error` is why the job ends, from the moment that this is known; `state` tells when it has ended. Chunks may be
    planned and done while the state is still `UPLOADING`. `course` is the task that takes the job to its end,
    `verifying` the one that looks at a source that has come.

    `latency` is that of all frames in `results`; `troubles` are the last leases that came to nothing. A `detached` job
    needs no listener once its source is whole. `restarts` is how often a coordinator has gone on with it; of the
    results that those before had kept `taken_over` were good, and `damaged` were not. `unwritten`: why its end, which
    has come, can't be written down yet.
    """

    id: str
    spec: JobSpec
    name: str
    size: int
    sha256: str
    folder: JobFolder
    submitted_at: float
    cpu_began: float = 0.0
    detached: bool = False
    paths: Paths = NO_PATHS
    restarts: int = 0
    taken_over: int = 0
    damaged: int = 0
    upload: Upload | None = None
    verifying: asyncio.Task[None] | None = None
    course: asyncio.Task[None] | None = None
    source: Source = field(init=False)
    listeners: set[Listener] = field(default_factory=set)
    sender: object = None
    wanted_at: float = field(default_factory=time.monotonic)
    opened: Opened | None = None
    frames_total: int = 0
    frame_rate: float = 0.0
    streams: dict[int, StreamFormat] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    times: bytes = b""
    packets: list[Path] = field(default_factory=list)
    results: dict[int, Done] = field(default_factory=dict)
    latency: Histogram = field(default_factory=Histogram)
    frames_in_hand: dict[int, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    staging: Staging | None = None
    stage_done: list[Done] = field(default_factory=list)
    all_planned: bool = False
    second_runs: int = 0
    second_runs_won: int = 0
    deliveries: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)
    losses: list[str] = field(default_factory=list)
    muxed: Muxed | None = None
    unwritten: str = ""
    finished: Finished | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    rate: RateMeter = field(default_factory=lambda: RateMeter(_RATE_WINDOW_S, time.monotonic()))
    frames_told: int = 0
    troubles: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_MOST_TROUBLES))
    queue_highest: int = 0
    queue_mean: float = 0.0
    queue_looks: int = 0
    _taken_on: float = field(default_factory=time.monotonic, init=False)
    _ended_at: float | None = field(default=None, init=False)
    _state: JobState = field(default=JobState.UPLOADING, init=False)
    _before: JobState = field(default=JobState.UPLOADING, init=False)
    _error: VidprocError | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.source = Source(self.folder.source, self.size, self._ask)

    def _ask(self, wanted: range) -> None:
        self.tell(Wanted(self.id, wanted.start, len(wanted)))

    @property
    def state(self) -> JobState:
        return self._state

    @property
    def told_state(self) -> JobState:
        """For those who ask: its end is told when it was written down, with all that there is to know of it."""
        return self._before if self._state.final and self.finished is None else self._state

    @property
    def error(self) -> VidprocError | None:
        return self._error

    @property
    def age_s(self) -> float:
        """Since its submission, until its end."""
        return (self._ended_at or time.monotonic()) - self.submitted_at

    def enter(self, state: JobState) -> None:
        """Raises `ValueError` for a state that cannot follow the present one."""
        if state not in _NEXT[self._state]:
            raise ValueError(f"job {self.id} cannot be {state} after it was {self._state}")
        self._before, self._state = self._state, state
        if state.final:
            self._ended_at = time.monotonic()

    def recall(self, finished: Finished) -> None:
        """It has ended, before this coordinator was started or long ago."""
        self._state = finished.state
        self.finished = finished

    def fail(self, error: VidprocError) -> bool:
        """Give it a reason to end: its course is cancelled, whatever it waits for. Whether it had none before."""
        if self._error is not None or self._state.final:
            return False
        self._error = error
        if self.course is not None:
            self.course.cancel()
        return True

    @property
    def awaited(self) -> bool:
        """Whether somebody will want the result: a client is there, or comes back by itself. Nobody can who keeps no
        source coming; while the coordinator looks at what it has of it, nobody need."""
        if self.verifying is not None and not self.verifying.done():
            return True
        if self.detached and self.source.whole:
            return True
        return bool(self.listeners) and (self.upload is None or self.sender is not None)

    def arrived(self) -> None:
        """The source is whole."""
        self.seconds["upload"] = time.monotonic() - self._taken_on
        self.source.complete()
        self.enter(JobState.INDEXING)
        if self.opened is not None:
            self.enter(JobState.RUNNING)

    def open(self, opened: Opened) -> None:
        """It is known what the source is, and what is to be made of it."""
        self.opened, self.frames_total = opened, opened.frames_from_header
        self.losses += opened.losses
        if self.source.whole:
            self.enter(JobState.RUNNING)

    def task(self, grant: Grant) -> ChunkTask:
        """What a slot needs to know for this lease."""
        assert self.opened is not None
        it = self.chunks[grant.chunk]
        task = ChunkTask(
            job_id=self.id,
            chunk=it.index,
            start=it.start,
            stop=it.stop,
            first=it.first,
            last=it.last,
            stream=self.streams[it.segment],
            filters=self.spec.filters,
            encoder=self.opened.encoder,
            width=self.opened.stream.width,
            height=self.opened.stream.height,
            on_decode_error=self.spec.on_decode_error,
            digest_frames=self.spec.digest_frames,
            continues=grant.continues,
            files=self.spec.files,
            times=self.times[TIME_BYTES * it.first : TIME_BYTES * it.last],
            kind=grant.kind,
            on_error=self.spec.on_error,
            faults=grant.faults,
        )
        if self.staging is None:
            return task
        return self.staging.task(grant, task, self._begins(it), self.all_planned and it is self.chunks[-1])

    def payload(self, grant: Grant) -> list[Piece]:
        """The files and the bytes of them that a lease carries, one after the other."""
        it = self.chunks[grant.chunk]
        start = self.chunks[it.index - 1].packets_stop if grant.continues else it.packets_start
        packets = (self.packets[it.index], start, it.packets_stop)
        return self.staging.payload(grant, it, packets, self._begins(it)) if self.staging else [packets]

    def _begins(self, chunk: Chunk) -> bool:
        """Whether it is the first of its continuity segment."""
        return chunk.index == 0 or self.chunks[chunk.index - 1].segment != chunk.segment

    @property
    def frames_done(self) -> int:
        return sum(done.report.frames for done in self.results.values()) + sum(self.frames_in_hand.values())

    @property
    def newest_frame(self) -> int | None:
        """Of those that are done, near enough: a chunk's first one is a key frame, and so is shown at once."""
        planned = (index for index in self.results if index < len(self.chunks))  # more are kept from before a restart
        newest = max(planned, default=None)
        return None if newest is None else self.chunks[newest].start

    def keep(self, index: int, done: Done) -> None:
        """A chunk's result is here."""
        self.results[index] = done
        self.latency.merge(done.report.latency)

    def take_over(self, results: Mapping[int, Done]) -> None:
        """What was done before the coordinator was started, which is no part of its pace."""
        for index, done in results.items():
            self.keep(index, done)
        self.frames_told = self.frames_done

    def spend(self, part: str, seconds: float) -> None:
        """Add to the time that a part of the work has taken."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    def note_queue(self, waiting: int) -> None:
        """A look at how many chunks wait for a slot."""
        self.queue_highest = max(self.queue_highest, waiting)
        self.queue_looks += 1
        self.queue_mean += (waiting - self.queue_mean) / self.queue_looks

    def progress(self, now: float, waiting: str) -> Progress:
        done = self.frames_done
        self.rate.add(done - self.frames_told, now)
        self.frames_told = done
        return Progress(self.id, self.told_state, done, self.frames_total, self.fps(now), waiting)

    def fps(self, now: float) -> float:
        """Its pace of late; of frames lost with a slot or a daemon, which are done again, there is none below."""
        return max(0.0, self.rate.rate(now))

    def tell(self, message: Message) -> None:
        for listener in list(self.listeners):
            listener(message)
