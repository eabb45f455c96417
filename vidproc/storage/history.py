"""What is known of jobs past and present: the questions, and who knows nothing. `sql_history.py` asks a database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from vidproc.model import Attempt, JobSpec, JobState, JobSummary, Paths


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as it was written down: of one that has not ended, its state and frames are those of its beginning."""

    summary: JobSummary
    spec: JobSpec
    sha256: str
    result_sha256: str
    paths: Paths


class History(Protocol):
    """All raise `StorageError`."""

    async def page(self, limit: int, before: str, state: JobState | None) -> Sequence[Entry]:
        """The newest jobs, those that ended in `state` if it is given, and submitted before the job `before` if one is
        named."""

    async def among(self, job_ids: Collection[str], limit: int, before: str) -> Sequence[Entry]:
        """The same of these jobs alone."""

    async def find(self, job_id: str) -> Entry | None: ...

    async def ids(self, beginning: str, limit: int) -> Sequence[str]:
        """Some that begin so."""

    async def attempts(self, job_id: str, offset: int, limit: int) -> tuple[Sequence[Attempt], int]:
        """Those of its leases that have ended when this is called, in that order, from the one numbered `offset` on;
        and how many there are in all."""

    async def remove(self, job_id: str) -> None: ...


class NoHistory:
    """Of a coordinator that writes nothing down."""

    async def page(self, limit: int, before: str, state: JobState | None) -> Sequence[Entry]:
        return ()

    async def among(self, job_ids: Collection[str], limit: int, before: str) -> Sequence[Entry]:
        return ()

    async def find(self, job_id: str) -> Entry | None:
        return None

    async def ids(self, beginning: str, limit: int) -> Sequence[str]:
        return ()

    async def attempts(self, job_id: str, offset: int, limit: int) -> tuple[Sequence[Attempt], int]:
        return (), 0

    async def remove(self, job_id: str) -> None: ...
