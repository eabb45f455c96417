"""A job's end, which has come when it is written down: nobody hears of it before.

A disk that is full, a database that is locked or away for a while: that passes, and the end of a job that took hours
should not be lost to it. So it is tried again for as long as the coordinator lives, by the one task that the job has
already, and whoever waits for the job is told why it takes longer. A coordinator that stops tries once more; without
that its successor goes on with the job, from the chunks that were kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import structlog

from vidproc.coordinator.job import Job
from vidproc.errors import StorageError
from vidproc.model import JobState
from vidproc.storage.journal import Ending, Journal

_PAUSES_S = (0.5, 30.0)
"""Between two tries: the first, and the longest."""

log = structlog.get_logger()


async def synced(job: Job, ending: Ending) -> Ending:
    """How the job ends when its film is to be on disk for good: failed where the disk does not take that. It is asked
    once: pages that could not be written count as clean the second time (https://lwn.net/Articles/752063/)."""
    try:
        if ending.state is JobState.DONE:
            await asyncio.to_thread(job.folder.sync_result)
    except StorageError as error:
        return Ending(JobState.FAILED, ending.at, error.code, str(error))
    return ending


async def write_down(journal: Journal, job: Job, ending: Ending) -> None:
    """Returns when it is."""
    pauses = _pauses()
    while (error := await _tried(journal, job, ending)) is not None:
        log.error("cannot write down a job's end", job=job.id, error=str(error))
        if ending.state is not JobState.DONE:  # what it holds may be what the disk lacks
            await asyncio.to_thread(job.folder.remove)
        job.unwritten = f"the job's end cannot be written down yet: {error}"
        job.tell(job.progress(time.monotonic(), job.unwritten))
        try:
            await asyncio.sleep(next(pauses))
        except asyncio.CancelledError:
            await _tried(journal, job, ending)
            raise


def note(job: Job, ending: Ending) -> None:
    """In the log, where somebody may have to see to a job that failed."""
    say = log.warning if ending.state is JobState.FAILED else log.info
    why = {"code": ending.code, "error": ending.message} if ending.code else {}
    say("job ended", job=job.id, state=str(ending.state), seconds=round(job.age_s, 2), **why)


async def _tried(journal: Journal, job: Job, ending: Ending) -> StorageError | None:
    try:
        await journal.end(job.id, ending)
    except StorageError as error:
        return error
    return None


def _pauses() -> Iterator[float]:
    pause, longest = _PAUSES_S
    while True:
        yield pause
        pause = min(2 * pause, longest)
