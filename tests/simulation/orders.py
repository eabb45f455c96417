"""Jobs as clients order them: random films, cut in random ways."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum

from vidproc.model import Chunk, LeaseKind
from vidproc.scheduling.events import Sequential


class Fate(StrEnum):
    """What becomes of a chunk in a slot."""

    DONE = "done"
    RAISES = "raises"
    HOPELESS = "hopeless"
    DIES = "dies"
    HANGS = "hangs"
    SLOW = "slow"


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """`parts` are how many of the chunks the plan knows each time that it knows more. `poison`: what becomes of a chunk
    wherever it is tried, by its first rank. `pace`: seconds of an average frame."""

    job: str
    at: float
    custom: bool
    in_flight: int
    stage: Sequential | None
    pace: float
    chunks: tuple[Chunk, ...]
    parts: tuple[int, ...]
    poison: dict[int, Fate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What a result holds, told by what it is of; two that are equal are the same bytes."""

    job: str
    kind: LeaseKind
    start: int
    stop: int


def drawn(job: str, at: float, rng: random.Random) -> Order:
    chunks = _chunks(rng, rng.choice([0, 1, 3, 10, 25, 60]))
    poison = {it.start: rng.choice([Fate.RAISES, Fate.HOPELESS, Fate.DIES]) for it in chunks if rng.random() < 0.01}
    stage = rng.choice([None, None, None, Sequential(pinned=False), Sequential(pinned=True)])
    return Order(
        job, at, rng.random() < 0.2, rng.choice([1, 2, 5, 64, 64]), stage, 10 ** rng.uniform(-2.5, -1.0),
        chunks, _parts(rng, len(chunks)), poison,
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
