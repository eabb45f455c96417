"""The life of a chunk: its states, the moves between them, and what is remembered of one while it lives.

    WAITING ──► LEASED ──► PERSISTING ──► READY ──► DELIVERED
       ▲  ▲       │  │          │
       │  └───────┘  ▼          │
       └──────── BACKING_OFF ◄──┘

A chunk whose result was kept by an earlier coordinator goes from WAITING to READY at once.

Every change of state goes through `Job.move`, which refuses a move that is not in the table.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from vidproc.model import Chunk
from vidproc.scheduling.suspicion import Suspicion
from vidproc.scheduling.workers import Lease, Worker


class ChunkState(StrEnum):
    """Where a chunk is. A failed one takes its job with it, so there is no state for that."""

    WAITING = "waiting"
    BACKING_OFF = "backing-off"
    LEASED = "leased"
    PERSISTING = "persisting"
    READY = "ready"
    DELIVERED = "delivered"


TRANSITIONS: dict[ChunkState, frozenset[ChunkState]] = {
    ChunkState.WAITING: frozenset({ChunkState.LEASED, ChunkState.READY}),
    ChunkState.BACKING_OFF: frozenset({ChunkState.WAITING}),
    ChunkState.LEASED: frozenset({ChunkState.PERSISTING, ChunkState.WAITING, ChunkState.BACKING_OFF}),
    ChunkState.PERSISTING: frozenset({ChunkState.READY, ChunkState.WAITING, ChunkState.BACKING_OFF}),
    ChunkState.READY: frozenset({ChunkState.DELIVERED}),
    ChunkState.DELIVERED: frozenset(),
}


@dataclass(slots=True, eq=False)
class ChunkRecord:
    """What the scheduler knows of a chunk that is not delivered yet.

    `begin` and `end` are where it lies on the job's scale of work (`effort.py`), `seek` is where decoding for it begins
    on that scale, as far as the plan shows: where the first chunk of the same seek point begins. `errors` are failures
    with the slot alive, `losses` are slots or daemons that vanished under it. `failed_on` counts both by
    the daemon's name. `afresh`: a decoder that stood before it could not go on with it. `second` is another lease
    beside `lease`, of the same attempt: the first of them to be finished counts. `rerun`: it has had one.
    `spent` are the failures of budgets that it had before. `in_a_filter`: one at least was; `isolated`, and what it is
    suspected to fail at, are as `isolation.py` says. `spared`: it ran out of memory once, which did not count; `host`
    is then a daemon that is to do it, and nothing else meanwhile.
    """

    chunk: Chunk
    begin: float
    end: float
    seek: float
    state: ChunkState = ChunkState.WAITING
    lease: Lease | None = None
    attempts: int = 0
    errors: int = 0
    losses: int = 0
    failed_on: Counter[str] = field(default_factory=Counter)
    afresh: bool = False
    second: Lease | None = None
    rerun: bool = False
    spent: int = 0
    in_a_filter: bool = False
    isolated: bool = False
    suspicion: Suspicion | None = None
    spared: bool = False
    host: Worker | None = None

    @property
    def failures(self) -> int:
        return self.spent + self.errors + self.losses

    def renew(self) -> None:
        """It gets a fresh budget."""
        self.spent, self.errors, self.losses = self.failures, 0, 0

    def claim(self, host: Worker) -> None:
        """Have that daemon for itself the next time; the failure that led to it does not count."""
        self.spared = self.afresh = True
        self.spent += 1
        self.host = host
        host.kept_for += 1

    def unclaim(self) -> None:
        if self.host is not None:
            self.host.kept_for -= 1
            self.host = None

    def let_go(self, lease: Lease) -> None:
        """That lease is no more; another may be left."""
        if lease is self.lease:
            self.lease = self.second
        self.second = None


def follows(before: Chunk, after: Chunk) -> bool:
    """Whether a decoder that has just finished `before` stands where `after` begins."""
    return (
        after.index == before.index + 1
        and after.start == before.stop
        and after.packets_start == before.packets_start
        and after.segment == before.segment
    )
