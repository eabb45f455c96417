"""Which chunk goes to which free slot, within one job.

A decoder can begin only at a seek point, so a chunk in the middle of a group of pictures costs a lead-in: frames that
are decoded and dropped. A slot that goes on with the very next chunk has its decoder open there and pays nothing. So:

1. A free slot whose last chunk was k gets k+1, if k+1 goes on from the same seek point.
2. Otherwise the first waiting chunk that no slot is heading for. (A slot heads for the chunks behind the one it works
   on, because of the first rule.) That is the beginning of the next group, or a chunk that has to be done again.
3. Otherwise all that waits lies ahead of slots at work. The stretch with the most work left is split so that its
   owner and the newcomer would finish together, if that is any quicker. So a film with a single keyframe comes to use
   all slots, and each then goes on along a stretch of its own.

Where several are as good, early chunks go first, which keeps the reorder buffer small. What is chosen changes the
speed, never the bytes of the result.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState, follows
from vidproc.scheduling.workers import Lease, Slot


@dataclass(frozen=True, slots=True)
class Choice:
    slot: Slot
    record: ChunkRecord
    continues: bool


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Waiting chunks that one decoder could do one after another, and the lease whose slot is heading for them."""

    records: list[ChunkRecord]
    owner: Lease | None

    @property
    def begin(self) -> float:
        return self.records[0].begin

    @property
    def end(self) -> float:
        return self.records[-1].end

    @property
    def work(self) -> float:
        return self.end - self.begin


def choose(job: Job, free: Sequence[Slot], lead_in_cost: float, now: float) -> Choice | None:
    """The best use of one of the slots in `free` (at least one) for this job, or None if it is better left idle."""
    return _continue(job, free) or _begin(job, free) or _split(job, free, lead_in_cost, now)


def stretches(job: Job) -> Iterator[Stretch]:
    """The job's leasable chunks, in order, cut wherever a decoder would have to seek."""
    run: list[ChunkRecord] = []
    for record in map(job.records.__getitem__, job.leasable):
        if run and not follows(run[-1].chunk, record.chunk):
            yield Stretch(run, _owner(job, run[0]))
            run = []
        run.append(record)
    if run:
        yield Stretch(run, _owner(job, run[0]))


def _owner(job: Job, head: ChunkRecord) -> Lease | None:
    before = job.records.get(head.chunk.index - 1)
    if before is None or before.state is not ChunkState.LEASED or not follows(before.chunk, head.chunk):
        return None
    lease = before.lease
    return lease if lease is not None and not lease.slot.worker.draining else None


def _continue(job: Job, free: Sequence[Slot]) -> Choice | None:
    found = [choice for slot in free if (choice := _successor(job, slot)) is not None]
    return min(found, key=lambda choice: choice.record.chunk.index, default=None)


def _successor(job: Job, slot: Slot) -> Choice | None:
    tail = slot.tail
    if tail is None or tail.job != job.id:
        return None
    index = tail.chunk.index + 1
    record = job.records.get(index) if index < job.admitted else None
    if record is None or record.state is not ChunkState.WAITING or record.avoid == slot.worker.name:
        return None
    return Choice(slot, record, True) if follows(tail.chunk, record.chunk) else None


def _begin(job: Job, free: Sequence[Slot]) -> Choice | None:
    heads = (stretch.records[0] for stretch in stretches(job) if stretch.owner is None)
    record = next(heads, None)
    return Choice(_slot_for(job, record, free), record, False) if record else None


def _split(job: Job, free: Sequence[Slot], lead_in_cost: float, now: float) -> Choice | None:
    work = {stretch: stretch.work + _behind(job, stretch.owner, lead_in_cost, now) for stretch in stretches(job)}
    for stretch in sorted(work, key=lambda stretch: -work[stretch]):
        record = _meeting_point(stretch, stretch.end - work[stretch], lead_in_cost)
        if record is not None:
            return Choice(_slot_for(job, record, free), record, False)
    return None


def _meeting_point(stretch: Stretch, position: float, lead_in_cost: float) -> ChunkRecord | None:
    """Where a newcomer should begin so that it reaches the end when the owner reaches it, or None if it doesn't pay.

    All on the job's scale of work. `position` is where the owner would stand if all its other work lay before the
    stretch. A newcomer at s works off c (s - seek) of lead-in and end - s of its own, the owner s - position, equal at
    s = (position + end - c seek) / (2 - c).
    """
    seek = stretch.records[0].seek
    point = (position + stretch.end - lead_in_cost * seek) / (2 - lead_in_cost)
    index = bisect_left(stretch.records, point, key=lambda record: record.begin)

    def newcomers(record: ChunkRecord) -> float:
        return (record.begin - seek) * lead_in_cost + stretch.end - record.begin

    around = stretch.records[max(0, index - 1) : index + 1]
    record = min(around, key=lambda record: max(newcomers(record), record.begin - position))
    return record if newcomers(record) < stretch.end - position else None


def work_of(job: Job, lease: Lease, lead_in_cost: float) -> float:
    """What a lease costs its slot: the chunk's work, and what its lead-in is worth."""
    record = job.records[lease.chunk.index]
    lead_in = 0.0 if lease.continues else record.begin - record.seek
    return record.end - record.begin + lead_in * lead_in_cost


def _behind(job: Job, lease: Lease | None, lead_in_cost: float, now: float) -> float:
    """How far the owner still has to go before its stretch, in frames' work, by the speed that it has shown so far.

    One that has finished nothing yet is taken to be half-way, unless it begins now.
    """
    if lease is None:
        return 0.0
    work, elapsed = work_of(job, lease, lead_in_cost), now - lease.granted
    if lease.slot.speed:
        return max(0.0, work - elapsed * lease.slot.speed)
    return work / 2 if elapsed else work


def _slot_for(job: Job, record: ChunkRecord, free: Sequence[Slot]) -> Slot:
    """Another daemon than the one it failed on; no decoder that another job may go on with; the least busy daemon."""
    elsewhere = [slot for slot in free if slot.worker.name != record.avoid] or free
    return min(elsewhere, key=lambda slot: (slot.tail is not None and slot.tail.job != job.id, slot.worker.load))
