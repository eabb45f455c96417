"""Daemons, their slots, and the leases that bind a slot to a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field

from vidproc.model import Chunk, LeaseKind
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.rates import TokenBucket


@dataclass(frozen=True, slots=True)
class Tail:
    """What a slot finished last: its decoder stands open at the end of this chunk."""

    job: str
    chunk: Chunk


@dataclass(slots=True, eq=False)
class Slot:
    """One process of a daemon. `take` and `leave` are the only ways its lease changes. `speed`: frames a second of its
    last chunk, 0 before there was one."""

    worker: Worker
    number: int
    lease: Lease | None = None
    tail: Tail | None = None
    speed: float = 0.0

    def take(self, lease: Lease) -> None:
        self.lease = lease
        self.worker.busy += 1

    def leave(self, tail: Tail | None) -> None:
        """The slot is free. Without a tail its decoder is gone, or stands nobody knows where."""
        self.lease = None
        self.tail = tail
        self.worker.busy -= 1


@dataclass(slots=True, eq=False)
class Worker:
    """A daemon for as long as one connection of it lasts.

    `setbacks` counts how often in a row slots of it died or lacked memory. After each it rests, twice as long as before
    (`Policy.rest`), and from the second on it is given one lease at a time; what it finishes clears it.
    """

    name: str
    allow_custom: bool
    bucket: TokenBucket
    slots: list[Slot] = field(default_factory=list)
    draining: bool = False
    busy: int = 0
    setbacks: int = 0
    rests_until: float = 0.0

    @property
    def load(self) -> float:
        return self.busy / len(self.slots)

    def accepts(self, custom: bool) -> bool:
        return not self.draining and (self.allow_custom or not custom)

    def ready_at(self, now: float) -> float:
        """When it may be given more work: `now` if it may at once."""
        return max(now, self.rests_until, self.bucket.ready_at(now))

    def free_slots(self) -> list[Slot]:
        """Those that may be leased, once the daemon is ready."""
        if self.setbacks > 1 and self.busy:
            return []
        return [slot for slot in self.slots if slot.lease is None]

    def set_back(self, granted: float, now: float, policy: Policy) -> None:
        """A lease that was granted then has failed by this daemon's fault. Those of one wave are one setback."""
        if granted >= self.rests_until:
            self.setbacks += 1
            self.rests_until = now + policy.rest(self.setbacks)

    def clear(self) -> None:
        self.setbacks = 0
        self.rests_until = 0.0


@dataclass(slots=True, eq=False)
class Lease:
    """A chunk in the hands of a slot, and then of the store. The id is never used again, so it fences what comes late:
    a result counts only while the lease it names is alive."""

    id: int
    slot: Slot
    job: str
    chunk: Chunk
    kind: LeaseKind
    continues: bool
    granted: float
    finished: bool = False
