"""Which chunk goes to which slot, within one job.

A decoder can begin only at a seek point, so a chunk in the middle of a group of pictures costs a lead-in: frames that
are decoded and dropped. A slot that goes on with the very next chunk has its decoder open there and pays nothing. So:

1. A free slot whose last chunk was k gets k+1, if k+1 goes on from the same seek point.
2. Otherwise the first waiting chunk that no slot is heading for. (A slot heads for the chunks behind the one it works
   on, because of the first rule.) That is the beginning of the next group, or a chunk that has to be done again. When
   few are left, the stretch with the largest chunk goes first, so that all slots end together.
3. Otherwise all that waits lies ahead of slots at work. The stretch with the most work left is split so that its
   owner and the newcomer would finish together, if that is any quicker. So a film with a single keyframe comes to use
   all slots, and each then goes on along a stretch of its own. For a free slot a stretch begins with what is leased to
   its owner already and not begun, which then is taken back if need be.

A slot at work may have one more lease ahead, which its daemon holds until it gets to it. For that the first two rules
are as if it were done. The third waits until it is: where to split best is not known sooner.

A chunk that has failed is kept for the daemons that it failed on least often, though they be busy, and of those for the
ones without a setback of their own. So a daemon on which everything fails takes no chunk a second time while there is
another that can have it, however quickly its slots are free again.

Elsewhere, and where several are as good, early chunks go first, which keeps the reorder buffer small. What is chosen
changes the speed, never the bytes of the result.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord, ChunkState, follows
from vidproc.scheduling.workers import Slot, Worker

_FEW = 4
"""Stretches for each slot: no more are left at the end, where the longest goes first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`second`: beside the lease that the chunk has."""

    slot: Slot
    record: ChunkRecord
    continues: bool
    second: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Chunks that nobody has begun and one decoder could do one after another; the slot that is heading for them, if
    any, and the work that it has to do before."""

    records: list[ChunkRecord]
    owner: Slot | None
    before: float

    @property
    def begin(self) -> float:
        return self.records[0].begin

    @property
    def end(self) -> float:
        return self.records[-1].end

    @property
    def work(self) -> float:
        return self.end - self.begin

    @property
    def largest(self) -> tuple[float, float]:
        """The work of its largest chunk, and then all: a stretch can be split later, a chunk can't."""
        return max(record.end - record.begin for record in self.records), self.work


@dataclass(frozen=True, slots=True)
class Offer:
    """What a job may choose from: slots that are free, or have nothing ahead, of `daemons`, which are all that take its
    chunks. `ahead` are its chunks that lie ahead of other slots and may be taken from there, ascending. `kept` slots
    are for those chunks alone that are to have their daemon for themselves."""

    slots: Sequence[Slot]
    daemons: Sequence[Worker]
    ahead: Sequence[ChunkRecord] = ()
    kept: Sequence[Slot] = ()

    def slots_for(self, record: ChunkRecord) -> Sequence[Slot]:
        """Those that may have this chunk."""
        if record.host is not None:
            return [slot for slot in self.kept if slot.worker is record.host]
        if not (record.failed_on and self.slots):
            return self.slots
        least = min(_reluctance(record, daemon) for daemon in self.daemons)
        return [slot for slot in self.slots if _reluctance(record, slot.worker) == least]


def _reluctance(record: ChunkRecord, worker: Worker) -> tuple[int, bool]:
    return record.failed_on[worker.name], worker.setbacks > 0


def choose(job: Job, offer: Offer, lead_in_cost: float, now: float) -> Choice | None:
    """The best use of one of the free slots on offer for this job, or None if they are better left idle."""
    return choose_ahead(job, offer, now) or _split(job, offer, lead_in_cost, now)


def choose_ahead(job: Job, offer: Offer, now: float) -> Choice | None:
    """The best lease to lie ahead of one of the slots at work on offer."""
    return _continue(job, offer) or _begin(job, offer, now)


def stretches(job: Job, offer: Offer, now: float) -> Iterator[Stretch]:
    """The chunks that slots on offer may have, in order, cut wherever a decoder would have to seek."""
    run: list[ChunkRecord] = []
    waiting = map(job.records.__getitem__, job.leasable)
    for record in merge(waiting, offer.ahead, key=lambda record: record.chunk.index) if offer.ahead else waiting:
        if not offer.slots_for(record):
            continue
        if run and (record.lease is not None or not follows(run[-1].chunk, record.chunk)):
            yield _stretch(job, run, now)
            run = []
        run.append(record)
    if run:
        yield _stretch(job, run, now)


def _stretch(job: Job, records: list[ChunkRecord], now: float) -> Stretch:
    head = records[0]
    if head.lease is not None:
        return Stretch(records, head.lease.slot, head.lease.slot.work_left(now) - (head.end - head.begin))
    owner = _owner(job, head)
    return Stretch(records, owner, owner.work_left(now) if owner else 0.0)


def _owner(job: Job, head: ChunkRecord) -> Slot | None:
    before = job.records.get(head.chunk.index - 1)
    if before is None or before.state is not ChunkState.LEASED or not follows(before.chunk, head.chunk):
        return None
    lease = before.lease
    if lease is None or lease is not lease.slot.last or not lease.open_end:
        return None
    return lease.slot if _goes_on_with(lease.slot.worker, head) else None


def _goes_on_with(worker: Worker, record: ChunkRecord) -> bool:
    """Where it has failed a chunk is begun anew, if at all."""
    return not (worker.draining or record.afresh or worker.name in record.failed_on)


def _continue(job: Job, offer: Offer) -> Choice | None:
    found = [choice for slot in offer.slots if (choice := _successor(job, slot)) is not None]
    return min(found, key=lambda choice: choice.record.chunk.index, default=None)


def _successor(job: Job, slot: Slot) -> Choice | None:
    tail = slot.heads_from
    if tail is None or tail.job != job.id:
        return None
    index = tail.chunk.index + 1
    record = job.records.get(index) if index < job.admitted else None
    if record is None or record.state is not ChunkState.WAITING or not _goes_on_with(slot.worker, record):
        return None
    return Choice(slot, record, True) if follows(tail.chunk, record.chunk) else None


def _begin(job: Job, offer: Offer, now: float) -> Choice | None:
    unowned = (stretch for stretch in stretches(job, offer, now) if stretch.owner is None)
    few = _FEW * sum(len(daemon.slots) for daemon in offer.daemons) if job.final and job.admitted == job.planned else 0
    first = list(islice(unowned, few + 1))
    if not first:
        return None
    begun = max(first, key=lambda stretch: stretch.largest) if len(first) <= few else first[0]
    return Choice(_slot_for(job, begun.records[0], offer, now), begun.records[0], False)


def _split(job: Job, offer: Offer, lead_in_cost: float, now: float) -> Choice | None:
    work = {stretch: stretch.before + stretch.work for stretch in stretches(job, offer, now)}
    for stretch in sorted(work, key=lambda stretch: -work[stretch]):
        record = _meeting_point(stretch, stretch.end - work[stretch], lead_in_cost)
        if record is not None:
            return Choice(_slot_for(job, record, offer, now), record, False)
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


def work_of(record: ChunkRecord, continues: bool, lead_in_cost: float) -> float:
    """What a chunk costs a slot: its own work, and what its lead-in is worth."""
    return record.end - record.begin + (0.0 if continues else (record.begin - record.seek) * lead_in_cost)


def begin_anew(job: Job, record: ChunkRecord, offer: Offer, now: float) -> Choice | None:
    """The best of the slots on offer for this chunk, without a decoder to go on from."""
    return Choice(_slot_for(job, record, offer, now), record, False) if offer.slots_for(record) else None


def _slot_for(job: Job, record: ChunkRecord, offer: Offer, now: float) -> Slot:
    """A daemon without setbacks; no decoder that another job may go on with; the soonest; the least busy daemon."""

    def preference(slot: Slot) -> tuple[int, bool, float, float]:
        tail = slot.heads_from
        foreign = tail is not None and tail.job != job.id
        return slot.worker.setbacks, foreign, slot.work_left(now), slot.worker.load

    return min(offer.slots_for(record), key=preference)
