"""Jobs as clients order them: random films, cut in random ways."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum

from vidproc.model import Chunk
from vidproc.scheduling.events import Sequential


class Fate(StrEnum):
    """What becomes of a chunk in a slot, or does of a frame."""

    DONE = "done"
    RAISES = "raises"
    HOPELESS = "hopeless"
    DIES = "dies"
    HANGS = "hangs"
    STARVES = "starves"
    SLOW = "slow"

    @property
    def is_failure(self) -> bool:
        return self not in (Fate.DONE, Fate.SLOW)


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """`parts` are how many of the chunks the plan knows each time that it knows more. `poison`: what a frame does to
    whoever tries it, by its rank. `isolates`: such frames may fall back. `pace`: seconds of an average frame."""

    job: str
    at: float
    custom: bool
    in_flight: int
    stage: Sequential | None
    isolates: bool
    pace: float
    chunks: tuple[Chunk, ...]
    parts: tuple[int, ...]
    poison: dict[int, Fate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What a result is of."""

    job: str
    stage: bool
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Made:
    """What a result holds; two that are equal are the same bytes. `fallen`: the frames that fell back, by rank."""

    work: Work
    fallen: tuple[int, ...] = ()


def drawn(job: str, at: float, rng: random.Random) -> Order:
    chunks = _chunks(rng, rng.choice([0, 1, 3, 10, 25, 60, 60]))
    stage = rng.choice([None, None, None, Sequential(pinned=False), Sequential(pinned=True)])
    isolates = rng.random() < 0.5
    return Order(
        job, at, rng.random() < 0.1, rng.choice([1, 4, 64, 64, 64]), stage, isolates, 10 ** rng.uniform(-2.5, -1.0),
        chunks, _parts(rng, len(chunks)), _poison(rng, chunks, 0.05 if isolates else 0.01),
    )  # fmt: skip


def _chunks(rng: random.Random, count: int) -> tuple[Chunk, ...]:
    """Of 10 to 60 frames, some of one seek point, some at the beginning of a continuity segment. A byte a frame."""
    made: list[Chunk] = []
    at = seek = segment = 0
    for index in range(count):
        if index and rng.random() < 0.1:
            segment, seek = segment + 1, at
        elif rng.random() < 0.5:
            seek = at
        stop = at + rng.randint(10, 60)
        made.append(Chunk(index, at, stop, at, stop, segment, seek, stop))
        at = stop
    return tuple(made)


def _parts(rng: random.Random, count: int) -> tuple[int, ...]:
    """All at once, or by and by; the plan may learn at last that there are no more."""
    if rng.random() < 0.5:
        return (count,)
    return (*sorted(rng.randint(0, count) for _ in range(rng.randint(1, 4))), count)


def _poison(rng: random.Random, chunks: tuple[Chunk, ...], part: float) -> dict[int, Fate]:
    """In this part of the chunks a frame or two."""
    ill = [it for it in chunks if rng.random() < part]
    ranks = [rng.randrange(it.start, it.stop) for it in ill for _ in range(rng.randint(1, 2))]
    return {rank: rng.choice([Fate.RAISES, Fate.DIES, Fate.DIES, Fate.HANGS, Fate.HOPELESS]) for rank in ranks}
