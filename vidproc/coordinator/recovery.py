"""What is written down of a job; and a job made of that again, as one that goes on or one that has ended."""

from __future__ import annotations

import time
from collections.abc import Mapping

import psutil
import structlog

from vidproc._version import __version__
from vidproc.coordinator.job import Done, Job
from vidproc.coordinator.results import Surroundings, metrics
from vidproc.model import JobState
from vidproc.protocol.messages import Finished
from vidproc.storage.job_folder import JobFolder
from vidproc.storage.journal import Ending, JobRecord, Unfinished
from vidproc.storage.spool import Spool

log = structlog.get_logger()


def record_of(job: Job) -> JobRecord:
    """What is written down of a job when it is accepted."""
    now = time.time()
    return JobRecord(
        job.id, job.spec, job.name, job.size, job.sha256, now, __version__, job.detached, paths=job.paths
    )


def rebuilt(record: JobRecord, spool: Spool) -> Job:
    """The same job. The time in which no coordinator ran counts as its own."""
    return Job(
        record.id,
        record.spec,
        record.name,
        record.size,
        record.sha256,
        spool.job(record.id),
        submitted_at=time.monotonic() - max(0.0, time.time() - record.submitted_at),
        cpu_began=time.process_time(),
        detached=record.detached,
        restarts=record.restarts,
        paths=record.paths,
    )


def ended(record: JobRecord, ending: Ending, spool: Spool) -> Job:
    """One that has ended, for those who ask for it."""
    job = rebuilt(record, spool)
    job.recall(finished(job.id, ending))
    return job


def ending_of(job: Job, slots: int) -> Ending:
    """What is written down of a job's end, with its figures if it came to a film. `slots` are those of all daemons."""
    error, muxed = job.error, job.muxed
    said = (error.code, str(error)) if error else ("", "")
    if muxed is None or job.state is not JobState.DONE:
        return Ending(job.state, time.time(), *said, frames_done=job.frames_done, frames_total=job.frames_total)
    around = Surroundings(
        wall_s=job.age_s,
        slots=slots,
        cpu_s=time.process_time() - job.cpu_began + muxed.cpu_s,
        memory_mb=psutil.Process().memory_info().rss / 2**20 + muxed.memory_mb,
    )
    figures, frames = metrics(job, around), job.frames_done
    return Ending(job.state, time.time(), *said, muxed.size, muxed.sha256, figures, frames, job.frames_total)


def finished(job_id: str, ending: Ending) -> Finished:
    """What its clients hear of a job's end."""
    return Finished(
        job_id, ending.state, ending.size, ending.sha256, ending.metrics, code=ending.code, message=ending.message
    )


def sound_results(folder: JobFolder, left: Unfinished) -> Mapping[int, Done]:
    """Of the chunks that were kept, those whose files still are what they were; reads them all. Another version of
    vidproc may cut the film otherwise, so from it none is taken."""
    if left.record.version != __version__:
        log.warning(
            "what another version made of a job is made again",
            job=left.record.id, version=left.record.version, chunks=len(left.chunks),
        )  # fmt: skip
        return {}
    return {
        it.index: Done(it.report, it.worker, it.slot, it.versions)
        for it in left.chunks
        if folder.holds_chunk(it.index, it.size, it.sha256)
    }
