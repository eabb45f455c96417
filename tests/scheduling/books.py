"""What a world without trust writes down of its daemons and films, to hold each command of the scheduler against it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import takewhile

from vidproc.model import Chunk, FilterCall, LeaseKind
from vidproc.scheduling import events as ev

RETRIES, LOSSES, FAULTS = 3, 4, 16
"""The policy's defaults, written down again on purpose."""
AHEAD = 16
"""And how far a stage runs ahead of the film."""


@dataclass
class Daemon:
    slots: int
    allow_custom: bool
    limited: bool = False
    draining: bool = False
    suspect: bool = False
    tails: dict[int, tuple[str, LeaseKind, Chunk]] = field(default_factory=dict)


@dataclass
class Books:
    """What is known of one part of a job: of its chunks, or of its stage. `errors` and `losses` are those of a chunk's
    budget, `failed` are all that have had any, `spared` those that ran out of memory, which did not count."""

    attempts: Counter[int] = field(default_factory=Counter)
    errors: Counter[int] = field(default_factory=Counter)
    losses: Counter[int] = field(default_factory=Counter)
    failed: set[int] = field(default_factory=set)
    hopeless: set[int] = field(default_factory=set)
    afresh: set[int] = field(default_factory=set)
    rerun: set[int] = field(default_factory=set)
    spared: set[int] = field(default_factory=set)

    def retries(self) -> dict[int, int]:
        return {chunk: runs - 1 for chunk, runs in self.attempts.items() if runs > 1}

    def note_failure(self, failed: ev.ChunkFailed, grant: ev.Grant) -> None:
        """Of a lease that counts; a chunk whose budget is used up is hopeless."""
        self.failed.add(grant.chunk)
        (self.losses if failed.slot_lost else self.errors)[grant.chunk] += 1
        if not self.forgives(failed, grant):
            self.hopeless.add(grant.chunk)

    def spare(self, chunk: int) -> None:
        """It ran out of memory for the first time, and is to have its daemon for itself."""
        self.failed.add(chunk)
        self.spared.add(chunk)
        self.afresh.add(chunk)

    def forgives(self, failed: ev.ChunkFailed, grant: ev.Grant) -> bool:
        return failed.retryable and self.errors[grant.chunk] <= RETRIES and self.losses[grant.chunk] < LOSSES


@dataclass
class StageBooks(Books):
    """`position`: the next chunk in order. `passed`: the first that was never done. `seat`: the slot with the state."""

    pinned: bool = False
    position: int = 0
    passed: int = 0
    seat: tuple[str, int] | None = None
    replays: int = 0


@dataclass
class Deaths:
    """Of processes at a chunk: the frame and the filter's call of each, and whether it was alone."""

    runs: list[tuple[int, FilterCall | None, bool]] = field(default_factory=list)

    def prove(self, failed: ev.ChunkFailed, alone: bool) -> bool:
        """Whether the last two to have come furthest died in this call, one of them alone."""
        self.runs.append((failed.frame, failed.call, alone))
        furthest = max(frame for frame, _, _ in self.runs)
        there = [(call, alone) for frame, call, alone in self.runs if frame == furthest]
        last = list(takewhile(lambda it: it[0] == failed.call, reversed(there)))
        return failed.frame == furthest and len(last) > 1 and any(alone for _, alone in last)


@dataclass
class Film(Books):
    """A job's books."""

    custom: bool = False
    in_flight: int = 8
    stage: StageBooks | None = None
    chunks: list[Chunk] = field(default_factory=list)
    final: bool = False
    delivered: int = 0
    outstanding: int | None = None
    stored: set[int] = field(default_factory=set)
    kept: frozenset[int] = frozenset()
    isolates: bool = False
    in_a_filter: set[int] = field(default_factory=set)
    isolated: set[int] = field(default_factory=set)
    deaths: dict[int, Deaths] = field(default_factory=dict)
    faults: set[FilterCall] = field(default_factory=set)
    end: str = ""

    def admit_kept(self) -> None:
        """What an earlier coordinator has kept counts when the window comes to it."""
        here = min(len(self.chunks), self.delivered + self.in_flight)
        self.stored.update(index for index in self.kept if index < here)

    def forgives(self, failed: ev.ChunkFailed, grant: ev.Grant) -> bool:
        if not (self.isolates and failed.retryable):
            return super().forgives(failed, grant)
        if failed.call is not None:
            self.in_a_filter.add(grant.chunk)
        deaths = self.deaths.setdefault(grant.chunk, Deaths())
        if failed.call is not None and failed.slot_lost and deaths.prove(failed, grant.kind is LeaseKind.FRAME):
            self.faults.add(failed.call)
            del self.deaths[grant.chunk]
            self._renew(grant.chunk)
            return len(self.faults) <= FAULTS
        if not super().forgives(failed, grant) and grant.chunk in self.in_a_filter - self.isolated:
            self.isolated.add(grant.chunk)
            self.afresh.add(grant.chunk)
            self._renew(grant.chunk)
        return super().forgives(failed, grant)

    def _renew(self, chunk: int) -> None:
        self.errors[chunk] = self.losses[chunk] = 0

    def books(self, kind: LeaseKind) -> Books:
        if kind is not LeaseKind.STAGE:
            return self
        assert self.stage is not None, "a stage's lease for a job without one"
        return self.stage

    @property
    def fed(self) -> int:
        """How many chunks have what they need of the stage."""
        if self.stage is None:
            return len(self.chunks)
        return min(len(self.chunks), self.stage.passed + (not self.stage.pinned))

    @property
    def stage_may_go_on(self) -> bool:
        if self.stage is None:
            return False
        known = len(self.chunks) - (not self.stage.pinned)
        replaying = self.stage.position < self.stage.passed
        return self.stage.position < known and (replaying or self.fed - self.delivered < AHEAD)
