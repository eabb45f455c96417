"""Jobs' folders for tests of what goes into them."""

from __future__ import annotations

from vidproc.storage.job_folder import JobFolder
from vidproc.storage.spool import Spool


def folder(spool: Spool, job_id: str = "job") -> JobFolder:
    made = spool.job(job_id)
    made.create()
    return made
