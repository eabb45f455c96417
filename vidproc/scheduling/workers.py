"""Daemons, their slots, and the leases that bind a slot to a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

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
    """One process of a daemon. It works on `lease`; `ahead` lies at the daemon for when that is done. `take` and
    `release` are the only ways these change. `speed`: work a second of its last chunk, 0 before there was one."""

    worker: Worker
    number: int
    lease: Lease | None = None
    ahead: Lease | None = None
    tail: Tail | None = None
    speed: float = 0.0

    @property
    def last(self) -> Lease | None:
        """What it has in hand and does last."""
        return self.ahead or self.lease

    @property
    def heads_from(self) -> Tail | None:
        """Where its decoder is open, or will be if all goes well, when it begins what it is given next."""
        last = self.last
        if last is None:
            return self.tail
        return Tail(last.job, last.chunk) if last.open_end else None

    def work_left(self, now: float) -> float:
        """What it has in hand, less what it must have done by now at the speed that it has shown.

        Without a speed it is taken to be half-way, unless it begins now. One that is overdue is taken to need as long
        again as it is overdue.
        """
        if self.lease is None:
            return 0.0
        work, elapsed = self.lease.work, now - self.lease.begun
        left = abs(work - elapsed * self.speed) if self.speed else work / 2 if elapsed else work
        return left + (self.ahead.work if self.ahead else 0.0)

    def take(self, lease: Lease, now: float) -> None:
        if self.lease is None:
            self.worker.busy += 1
            self._begin(lease, now)
        else:
            self.ahead = lease

    def note_begun(self, lease: Lease) -> None:
        """Word of it may overtake the result of the one before, whose end the decoder has left then."""
        if self.lease is not None and lease is self.ahead:
            self.lease.open_end = False

    def release(self, lease: Lease, tail: Tail | None, now: float) -> None:
        """It is done with a lease, and begins what lies ahead. Without a tail its decoder is gone, or stands nobody
        knows where."""
        if lease is self.ahead:
            self.ahead = None
        elif lease is self.lease:
            ahead, self.lease, self.ahead, self.tail = self.ahead, None, None, tail
            self.worker.busy -= 1
            if ahead is not None:
                self.take(ahead, now)

    def _begin(self, lease: Lease, now: float) -> None:
        self.lease = lease
        lease.begun = lease.moved = now


@dataclass(slots=True, eq=False)
class Worker:
    """A daemon for as long as one connection of it lasts.

    `setbacks` counts how often in a row slots of it died or lacked memory. After each it rests, twice as long as before
    (`Policy.rest`), and from the second on it is given one lease at a time; what it finishes clears it. `kept_for`
    counts chunks that are to be alone on it (`ChunkRecord.host`); as long as there are any it does one lease at a time.
    """

    name: str
    allow_custom: bool
    bucket: TokenBucket
    slots: list[Slot] = field(default_factory=list)
    draining: bool = False
    busy: int = 0
    setbacks: int = 0
    rests_until: float = 0.0
    kept_for: int = 0

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
        if (self.setbacks > 1 or self.kept_for) and self.busy:
            return []
        return [slot for slot in self.slots if slot.lease is None]

    @property
    def reads_ahead(self) -> bool:
        """A daemon whose slots die is given nothing that it need not have."""
        return not (self.setbacks or self.kept_for)

    def slots_to_read_ahead(self) -> list[Slot]:
        """Those at work with nothing ahead."""
        if not self.reads_ahead:
            return []
        return [slot for slot in self.slots if slot.ahead is None and slot.lease and slot.lease.reads_ahead]

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
    a result counts only while the lease it names is alive.

    `work` is what it costs its slot, on the job's scale (`effort.py`). `begun`: when its slot got to it, as far as can
    be known here; infinite as long as it lies ahead. `frames_done` is what its daemon has told of, `moved` since when
    it is so. `open_end`: nothing speaks against the decoder being open at its end. `second`: the chunk has another
    lease, which is late. `cost`: seconds that its job is charged for, until it is `settled`.
    """

    id: int
    slot: Slot
    job: str
    chunk: Chunk
    kind: LeaseKind
    continues: bool
    granted: float
    work: float
    second: bool = False
    cost: float = 0.0
    settled: bool = False
    begun: float = inf
    frames_done: int = 0
    moved: float = inf
    open_end: bool = True
    finished: bool = False

    def __post_init__(self) -> None:
        self.open_end = self.kind is not LeaseKind.FRAME  # nobody goes on from what was run for its own sake

    @property
    def reads_ahead(self) -> bool:
        """Whether its slot goes on with something else soon."""
        return self.kind is LeaseKind.CHUNK

    def note_progress(self, frames: int, now: float) -> None:
        if frames > self.frames_done:
            self.frames_done, self.moved = frames, now
