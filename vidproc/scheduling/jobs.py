"""A job's chunks, and the one place where their states change."""

from __future__ import annotations

import sys
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence, Set

from vidproc.model import Chunk, Fault, LeaseKind
from vidproc.scheduling.effort import Effort
from vidproc.scheduling.lifecycle import TRANSITIONS, ChunkRecord, ChunkState, follows
from vidproc.scheduling.reorder import ReorderBuffer
from vidproc.scheduling.workers import Lease, Slot


class Job:
    """The chunks of a job that are planned and not delivered.

    `leasable` are the indices, ascending, of the waiting chunks inside the reorder window. All that is looked through
    when a slot is free is that list, so the length of the film doesn't matter. `ceiling` is the first chunk that lacks
    something which another part of the job makes (see `stages`). `isolates`: whether frames may fall back; `faults` are
    calls of filters that are not to be made (see `isolation`). `service` and `active` are as `fair_share` says.
    """

    kind = LeaseKind.CHUNK

    def __init__(self, id: str, custom: bool, in_flight: int, order: int, isolates: bool = False) -> None:
        self.id = id
        self.custom = custom
        self.order = order
        self.isolates = isolates
        self.faults: list[Fault] = []
        self.reorder = ReorderBuffer(in_flight)
        self.records: dict[int, ChunkRecord] = {}
        self.leasable: list[int] = []
        self.counts: Counter[ChunkState] = Counter()
        self.frames: Counter[ChunkState] = Counter()
        self.retries: dict[int, int] = {}
        self.planned = 0
        self.service = 0.0
        self.active = False
        self._work_done = 0.0
        self._seconds_spent = 0.0
        self._effort = Effort()
        self.admitted = 0
        self.final = False
        self._kept: set[int] = set()
        self.ceiling = sys.maxsize

    @property
    def name(self) -> str:
        """The job's id as the world knows it."""
        return self.id

    @property
    def complete(self) -> bool:
        return self.final and self.reorder.next == self.planned

    @property
    def pace(self) -> float:
        """Seconds that a slot needs for a unit of work; 0 before that is known."""
        return self._seconds_spent / self._work_done if self._work_done else 0.0

    def note_pace(self, work: float, seconds: float) -> None:
        self._work_done += work
        self._seconds_spent += seconds

    def charge(self, lease: Lease, cost: float) -> None:
        lease.cost = cost
        self.service += cost

    def settle(self, lease: Lease, now: float) -> None:
        """A lease has ended: what it took counts, and not what it was expected to. A second time changes nothing."""
        if not lease.settled:
            lease.settled = True
            self.service += max(0.0, now - lease.begun) - lease.cost

    def plan(self, chunks: Sequence[Chunk], final: bool, kept: Set[int] = frozenset()) -> None:
        """Add chunks, of which some are done already. Raises `ValueError` if they are not the next ones."""
        for number, chunk in enumerate(chunks, self.planned):
            if chunk.index != number or self.final:
                raise ValueError(f"job {self.id}: chunk {chunk.index} planned where {number} was due")
        for chunk, (begin, end) in zip(chunks, self._effort.measure(chunks), strict=True):
            self._append(chunk, begin, end)
        self._kept |= kept
        self.final = final
        self._admit()

    def move(self, record: ChunkRecord, state: ChunkState) -> None:
        """Bring a chunk into another state. Raises `ValueError` where the table has no such move."""
        if state not in TRANSITIONS[record.state]:
            raise ValueError(f"job {self.id}: chunk {record.chunk.index} can't go from {record.state} to {state}")
        if record.state is ChunkState.WAITING:
            del self.leasable[bisect_left(self.leasable, record.chunk.index)]
        if state is ChunkState.WAITING:
            insort(self.leasable, record.chunk.index)
        self._count(record, -1)
        record.state = state
        self._count(record, 1)

    def admit_to(self, ceiling: int) -> None:
        """All before this chunk have what they need now."""
        self.ceiling = max(self.ceiling, ceiling)
        self._admit()

    def count_attempt(self, record: ChunkRecord, step: int) -> None:
        """One attempt more, or one less than was thought."""
        record.attempts += step
        self.retries[record.chunk.index] = record.attempts - 1
        if record.attempts < 2:
            del self.retries[record.chunk.index]

    def note_fault(self, fault: Fault) -> None:
        if fault.call not in {known.call for known in self.faults}:
            self.faults.append(fault)

    def faults_in(self, chunk: Chunk) -> tuple[Fault, ...]:
        """Those at frames that this chunk's filters see."""
        return tuple(fault for fault in self.faults if chunk.first <= fault.call.rank < chunk.last)

    def delivered(self, index: int) -> None:
        """The muxer has this chunk: forget it, and let the window move on."""
        self.reorder.confirm(index)
        self.move(self.records[index], ChunkState.DELIVERED)
        del self.records[index]
        self._admit()

    def take_ready(self) -> int | None:
        """The next chunk for the muxer, if its result is here and the last one was delivered."""
        return self.reorder.take()

    # What has a meaning for a sequential stage alone

    @property
    def moves(self) -> bool:
        """Whether any slot can do any of its chunks."""
        return True

    @property
    def replaying(self) -> bool:
        """Whether what it does next was done before."""
        return False

    def goes_on(self, chunk: Chunk) -> bool:
        """Whether it has a decoder of its own that stands where this chunk begins."""
        return False

    def seat_in(self, slot: Slot) -> None:
        """A chunk of it was leased to this slot."""

    def note_decoder(self, chunk: Chunk | None) -> None:
        """The decoder that it last had stands at the end of this chunk; None: nobody knows where."""

    def not_begun(self) -> None:
        """Its lease was taken back."""

    def unseat(self) -> None:
        """What the slot that it last had knew is gone."""

    def _append(self, chunk: Chunk, begin: float, end: float) -> None:
        before = self.records.get(chunk.index - 1)
        shares = before is not None and follows(before.chunk, chunk)
        record = ChunkRecord(chunk, begin, end, before.seek if before is not None and shares else begin)
        self.records[chunk.index] = record
        self._count(record, 1)
        self.planned += 1

    def _admit(self) -> None:
        limit = min(self.reorder.limit, self.planned, self.ceiling)
        new = range(self.admitted, limit)
        self.leasable.extend(new)
        self.admitted = max(self.admitted, limit)
        for index in self._kept.intersection(new):
            self._take_as_done(self.records[index])

    def _take_as_done(self, record: ChunkRecord) -> None:
        """An earlier coordinator has its result, of some attempt."""
        self.count_attempt(record, 1)
        self.move(record, ChunkState.READY)
        self.reorder.add(record.chunk.index)

    def _count(self, record: ChunkRecord, step: int) -> None:
        self.counts[record.state] += step
        self.frames[record.state] += step * record.chunk.frames
