"""Which chunk goes to which free slot, within one job.

A decoder can begin only at a seek point, so a chunk in the middle of a group of pictures costs a lead-in: frames that
are decoded and dropped. A slot that goes on with the very next chunk has its decoder open there and pays nothing. So:

1. A free slot whose last chunk was k gets k+1, if k+1 goes on from the same seek point.
2. Otherwise the first waiting chunk that no slot is heading for. (A slot heads for the chunks behind the one it works
   on, because of the first rule.) That is the beginning of the next group, or a chunk that has to be done again.
3. Otherwise all that waits lies ahead of slots at work. The stretch with the most work left is split so that its
   owner and the newcomer would finish together, if that is any quicker. So a film with a single keyframe comes to use
   all slots, and each then goes on along a stretch of its own.

A chunk that has failed is kept for the daemons that it failed on least often, though they be busy, and of those for the
ones without a setback of their own. So a daemon on which everything fails takes no chunk a second time while there is
another that can have it, however quickly its slots are free again.

Where several are as good, early chunks go first, which keeps the reorder buffer small. What is chosen changes the
speed, never the bytes of the result.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState, follows
from vidproc.scheduling.workers import Lease, Slot, Worker


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


@dataclass(frozen=True, slots=True)
class Offer:
    """What a job may choose from: the free slots (at least one) of `daemons`, which are all that take its chunks."""

    free: Sequence[Slot]
    daemons: Sequence[Worker]

    def slots_for(self, record: ChunkRecord) -> Sequence[Slot]:
        """The free slots that may have this chunk."""
        if not record.failed_on:
            return self.free
        least = min(_reluctance(record, daemon) for daemon in self.daemons)
        return [slot for slot in self.free if _reluctance(record, slot.worker) == least]


def _reluctance(record: ChunkRecord, worker: Worker) -> tuple[int, bool]:
    return record.failed_on[worker.name], worker.setbacks > 0


def choose(job: Job, offer: Offer, lead_in_cost: float, now: float) -> Choice | None:
    """The best use of one of the slots on offer for this job, or None if they are better left idle."""
    return _continue(job, offer) or _begin(job, offer) or _split(job, offer, lead_in_cost, now)


def stretches(job: Job, offer: Offer) -> Iterator[Stretch]:
    """The chunks that slots on offer may have, in order, cut wherever a decoder would have to seek."""
    run: list[ChunkRecord] = []
    for record in map(job.records.__getitem__, job.leasable):
        if not offer.slots_for(record):
            continue
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
    return lease if lease is not None and _goes_on_with(lease.slot.worker, head) else None


def _goes_on_with(worker: Worker, record: ChunkRecord) -> bool:
    """Where it has failed a chunk is begun anew, if at all."""
    return not worker.draining and worker.name not in record.failed_on


def _continue(job: Job, offer: Offer) -> Choice | None:
    found = [choice for slot in offer.free if (choice := _successor(job, slot)) is not None]
    return min(found, key=lambda choice: choice.record.chunk.index, default=None)


def _successor(job: Job, slot: Slot) -> Choice | None:
    tail = slot.tail
    if tail is None or tail.job != job.id:
        return None
    index = tail.chunk.index + 1
    record = job.records.get(index) if index < job.admitted else None
    if record is None or record.state is not ChunkState.WAITING or not _goes_on_with(slot.worker, record):
        return None
    return Choice(slot, record, True) if follows(tail.chunk, record.chunk) else None


def _begin(job: Job, offer: Offer) -> Choice | None:
    heads = (stretch.records[0] for stretch in stretches(job, offer) if stretch.owner is None)
    record = next(heads, None)
    return Choice(_slot_for(job, record, offer), record, False) if record else None


def _split(job: Job, offer: Offer, lead_in_cost: float, now: float) -> Choice | None:
    work = {it: it.work + _behind(job, it.owner, lead_in_cost, now) for it in stretches(job, offer)}
    for stretch in sorted(work, key=lambda stretch: -work[stretch]):
        record = _meeting_point(stretch, stretch.end - work[stretch], lead_in_cost)
        if record is not None:
            return Choice(_slot_for(job, record, offer), record, False)
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


def _slot_for(job: Job, record: ChunkRecord, offer: Offer) -> Slot:
    """A daemon without setbacks; no decoder that another job may go on with; the least busy daemon."""

    def preference(slot: Slot) -> tuple[int, bool, float]:
        return slot.worker.setbacks, slot.tail is not None and slot.tail.job != job.id, slot.worker.load

    return min(offer.slots_for(record), key=preference)
