"""The coordinator at this moment in figures, beside what its tally has added up."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.live import workers_now
from vidproc.coordinator.uploads import Uploads
from vidproc.model import JobState
from vidproc.status import WorkerNow


class Readings(Struct, frozen=True):
    """`jobs` that go on, by state; `queued` chunks wait for a slot, or for the end of a pause after a failure. The disk
    is that of the data folder, in bytes; None where it does not tell. `uploaded`: bytes that came over HTTP."""

    jobs: Mapping[JobState, int]
    queued: int
    workers: tuple[WorkerNow, ...]
    disk_free: int | None
    disk_size: int | None
    uploaded: int


async def take(data_dir: Path, dispatch: Dispatch, uploads: Uploads) -> Readings:
    """Look at all of it."""
    free, size = await asyncio.to_thread(_disk, data_dir)
    going_on = [job for job in dispatch.jobs.values() if job.finished is None]
    return Readings(
        jobs=Counter(job.told_state for job in going_on),
        queued=sum(dispatch.scheduler.figures(job.id).queued for job in going_on),
        workers=workers_now(dispatch),
        disk_free=free,
        disk_size=size,
        uploaded=uploads.bytes_received,
    )


def _disk(folder: Path) -> tuple[int | None, int | None]:
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return None, None
    return found.free, found.total
