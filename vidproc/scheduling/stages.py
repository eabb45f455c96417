"""A job's sequential stage: the part of its work that must be done in frame order, one chunk after the other.

To the scheduler a stage is a job of its own beside the film's, with a window of one chunk and leases of
`LeaseKind.STAGE`. So its leases are fenced, tried again and backed off like all others. What is its own:

- What it has passed on lets the film's chunks be leased (`Job.admit_to`): those whose state, or frames, are there now.
- It waits while too much of what it passed on is not in the film yet: all that lies on disk. What it waits for can be
  leased, so the two never wait for one another, also with a single slot.
- A *pinned* stage lives in one slot, its seat; what it knows dies with that slot's process, and any failure spoils it.
  Then it is replayed from its first chunk, in whatever slot is free. What it had passed on before stays good.
- While a result of it is on its way to disk its seat is kept for it: it is what the whole job waits for.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from vidproc.model import Chunk, LeaseKind
from vidproc.scheduling.events import Sequential
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState, follows
from vidproc.scheduling.placement import Choice, Offer
from vidproc.scheduling.reorder import ReorderBuffer
from vidproc.scheduling.workers import Slot

MOST_AHEAD = 16
"""Chunks that a stage has passed on and that are not in the film yet, at which it waits."""

_UNSETTLED = (ChunkState.LEASED, ChunkState.PERSISTING, ChunkState.READY, ChunkState.BACKING_OFF)


class Stage(Job):
    """The stage of the job `feeds`. See `events.Sequential` for what kinds there are.

    seat: the slot that has its live state, or its decoder open; None if there is none. passed: how many chunks it has
    passed on at any time; below that, it is replaying. decoder_at: the chunk where the seat's decoder stands.
    """

    kind = LeaseKind.STAGE

    def __init__(self, feeds: Job, how: Sequential) -> None:
        super().__init__(f"{feeds.id}/stage", feeds.custom, 1, feeds.order)
        self.feeds = feeds
        self.pinned = how.pinned
        self.seat: Slot | None = None
        self.passed = 0
        self.decoder_at: Chunk | None = None
        self.ceiling = feeds.ceiling = 0
        self._reach = how.reach
        self._until = 0
        self._past: list[ChunkRecord] = []
        self._newest: tuple[Chunk, ...] = ()

    @property
    def name(self) -> str:
        return self.feeds.id

    @property
    def complete(self) -> bool:
        """It ends with its job."""
        return False

    @property
    def replaying(self) -> bool:
        return self.reorder.next < self.passed

    def plan(self, chunks: Sequence[Chunk], final: bool, kept: Set[int] = frozenset()) -> None:
        """The film's further chunks. A state is for the chunk after, so the film's last one has none to make."""
        if not self.pinned:
            known = (*self._newest, *chunks)
            chunks, self._newest = known[:-1], known[-1:]
        super().plan(chunks, False)
        self.balance()

    def balance(self) -> None:
        """Let the film's chunks go as far as they can now, and the stage as far as it may."""
        self.feeds.admit_to(self._ready())
        if self.replaying or self.feeds.ceiling - self.feeds.reorder.next < MOST_AHEAD:
            self.admit_to(self.reorder.next + 1)

    def take_ready(self) -> None:
        """The result that is ready is the film's now. The muxer gets nothing of it."""
        index = self.reorder.take()
        assert index is not None
        record = self.records[index]
        self._until = max(self._until, record.chunk.stop)
        self.passed = max(self.passed, index + 1)
        self.delivered(index)
        self._past.append(record)
        self._replay_if_unseated()
        self.balance()

    @property
    def moves(self) -> bool:
        return not self.pinned

    @property
    def seated_only(self) -> bool:
        """Whether nothing of it can be done in another slot than its seat."""
        return self.pinned and self.seat is not None

    def seated(self, offer: Offer) -> Choice | None:
        """Its next chunk, if its seat is on offer."""
        if self.seat is None or self.seat not in offer.slots or not self.leasable:
            return None
        return Choice(self.seat, self.records[self.leasable[0]], False)

    def goes_on(self, chunk: Chunk) -> bool:
        return self.pinned and self.decoder_at is not None and follows(self.decoder_at, chunk)

    def keeps(self, slot: Slot) -> bool:
        """Whether this slot is to stay free for it for a moment."""
        return self.seat is slot and self.counts[ChunkState.PERSISTING] > 0

    def seat_in(self, slot: Slot) -> None:
        self.seat = slot

    def note_decoder(self, chunk: Chunk | None) -> None:
        self.decoder_at = chunk

    def not_begun(self) -> None:
        if self.reorder.next == 0:
            self.seat = None

    def unseat(self) -> None:
        self.seat = self.decoder_at = None
        self._replay_if_unseated()

    def _ready(self) -> int:
        """The first of the film's chunks that lacks something of the stage."""
        index, records = self.feeds.ceiling, self.feeds.records
        while index in records and self._needs(records[index].chunk) <= self._until:
            index += 1
        return index

    def _needs(self, chunk: Chunk) -> int:
        """Up to which rank the stage must have come for this chunk."""
        return min(chunk.last, chunk.stop + self._reach) if self.pinned else chunk.start

    def _replay_if_unseated(self) -> None:
        if self.pinned and self.seat is None and not any(self.counts[state] for state in _UNSETTLED):
            self._rewind()

    def _rewind(self) -> None:
        for record in self._past:
            self._count(record, -1)
            record.state, record.attempts = ChunkState.WAITING, record.failures
            self._count(record, 1)
        self.records = {record.chunk.index: record for record in (*self._past, *self.records.values())}
        self._past = []
        self.reorder = ReorderBuffer(1)
        self.leasable, self.admitted, self.ceiling = [], 0, 0
        self.balance()
