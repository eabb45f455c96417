"""Which lease is worth running a second time, when a slot idles: the one that will be done last, if it is late.

What a lease should take is its work at the pace of its job: the mean of all leases that are finished. It is late after
some more than that (`Policy.lateness`), since the work is only guessed (`effort.py`). How long it will take yet is
known from the frames that it has told of; one that stands still is expected to do so for as long again. A second run
pays if it would be done sooner than that. (Dean, Ghemawat, "MapReduce", OSDI 2004, section 3.6; by the time left:
Zaharia et al., "Improving MapReduce Performance in Heterogeneous Environments", OSDI 2008.)

All times are in seconds.
"""

from __future__ import annotations

from vidproc.model import LeaseKind
from vidproc.scheduling.lifecycle import ChunkRecord
from vidproc.scheduling.workers import Lease


def may_be_rerun(lease: Lease, record: ChunkRecord) -> bool:
    """Once at most, and not what has failed: it may well do so again."""
    return lease.kind is LeaseKind.CHUNK and not record.rerun and not record.errors


def seconds_left(lease: Lease, now: float) -> float:
    """Until its slot will be done with it."""
    done, standing = lease.frames_done / lease.chunk.frames, now - lease.moved
    return max(standing, (now - lease.begun) * (1 - done) / done if done else 0.0)


def pays(lease: Lease, second_s: float, late_at: float, now: float) -> bool:
    """Whether a second run that takes so long would win."""
    return now >= late_at and seconds_left(lease, now) >= second_s


def pays_at(lease: Lease, second_s: float, late_at: float) -> float:
    """When that will be so if nothing is heard of it until then."""
    return max(late_at, lease.moved + second_s)
