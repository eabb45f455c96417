"""Whether a chunk that has failed is tried again, and how.

When the budget of one that fails within a filter is used up it is *isolated*: leased as `LeaseKind.FRAME`, to a process
of its own, with a fresh budget. There each frame is on its own account, and one whose filter raises falls back without
further ado. What is left are the calls that end their process, or take for ever. Each is known when the process is
gone, since it is noted before it is made. Once that is proved of one (`suspicion`), it is a fault: it is not made again
in any chunk of its job, and the chunk has a fresh budget once more, for what comes behind.

A job has a bound of faults: each costs two processes at least, and the time that they may take for a frame.
"""

from __future__ import annotations

from vidproc.model import Fault, LeaseKind
from vidproc.quantities import counted
from vidproc.scheduling.jobs import Job
from vidproc.scheduling.lifecycle import ChunkRecord
from vidproc.scheduling.policies import Failure, Policy
from vidproc.scheduling.suspicion import suspect


def is_tried_again(job: Job, record: ChunkRecord, failure: Failure, policy: Policy) -> bool:
    """To be asked once a failure was counted; notes what it tells."""
    if not failure.retryable:
        return False
    if job.isolates and failure.call is not None:
        record.in_a_filter = True
        if failure.lost:
            record.suspicion = suspect(record.suspicion, failure.call, failure.frame, record.isolated)
    if record.suspicion is not None and record.suspicion.proved:
        job.note_fault(Fault(record.suspicion.call, failure.message))
        record.suspicion = None
        record.renew()
        return len(job.faults) <= policy.most_faults
    return not policy.exhausted(record.errors, record.losses) or _isolate(record)


def is_of_the_frame(record: ChunkRecord, failure: Failure) -> bool:
    """Whether it speaks against a frame more than against the daemon: another slot died in the same call before, or all
    there was to do was to find such a call."""
    if failure.call is None:
        return False
    return record.isolated or (record.suspicion is not None and record.suspicion.call == failure.call)


def remark(job: Job, failure: Failure) -> str:
    """What else is to be known where its job fails."""
    if job.kind is LeaseKind.STAGE and failure.call is not None:
        return "; no frame falls back where filters go through the film in order"
    others = len(job.faults) - 1
    return f"; so it was with {counted(others, 'frame')} before" if others > 0 else ""


def _isolate(record: ChunkRecord) -> bool:
    """Whether that is any use."""
    if record.isolated or not record.in_a_filter:
        return False
    record.isolated = record.afresh = True
    record.renew()
    return True
