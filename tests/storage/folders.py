"""Jobs' folders for tests of what goes into them, and disks that take no more."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

from vidproc.storage.job_folder import JobFolder
from vidproc.storage.spool import Spool


def folder(spool: Spool, job_id: str = "job") -> JobFolder:
    made = spool.job(job_id)
    made.create()
    return made


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 100 000 bytes, as if there were no more room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
