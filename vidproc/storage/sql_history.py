"""The history in a database, read from the tables that the journal writes.

It is of one spool, since what it tells of is there to be fetched and done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from vidproc.model import Attempt, JobSpec, JobState, JobSummary, LeaseKind, Outcome, Paths
from vidproc.protocol.structure import from_plain
from vidproc.storage.database import Database
from vidproc.storage.history import Entry
from vidproc.storage.tables import as_text, attempts, jobs

Kind = TypeVar("Kind", bound=StrEnum)

_UNREADABLE = JobSpec(())

_JOB = as_text(jobs, "metrics")
_NEWEST = (jobs.c.submitted_at.desc(), jobs.c.id.desc())


class SqlHistory:
    """See `History`. The database must be open, and is its journal's. `write_attempts` orders that those which the
    journal still has in mind be written."""

    def __init__(self, database: Database, spool: str, write_attempts: Callable[[], None]) -> None:
        self._database = database
        self._write_attempts = write_attempts
        self._here = jobs.c.spool == spool

    async def page(self, limit: int, before: str, state: JobState | None) -> Sequence[Entry]:
        asked = self._newest(limit, before)
        if state is not None:
            asked = asked.where(jobs.c.state == state, jobs.c.ended_at.is_not(None))
        return await self._entries(asked)

    async def among(self, job_ids: Collection[str], limit: int, before: str) -> Sequence[Entry]:
        return await self._entries(self._newest(limit, before).where(jobs.c.id.in_(job_ids)))

    def _newest(self, limit: int, before: str) -> sa.Select[Any]:
        asked = sa.select(*_JOB).where(self._here).order_by(*_NEWEST).limit(limit)
        if not before:
            return asked
        then = sa.select(jobs.c.submitted_at).where(jobs.c.id == before).scalar_subquery()
        return asked.where((jobs.c.submitted_at < then) | ((jobs.c.submitted_at == then) & (jobs.c.id < before)))

    async def find(self, job_id: str) -> Entry | None:
        found = await self._entries(sa.select(*_JOB).where(self._here, jobs.c.id == job_id))
        return found[0] if found else None

    async def ids(self, beginning: str, limit: int) -> Sequence[str]:
        asked = sa.select(jobs.c.id).where(self._here, jobs.c.id.startswith(beginning, autoescape=True)).limit(limit)
        return await self._database.read(lambda connection: connection.execute(asked).scalars().all())

    async def attempts(self, job_id: str, offset: int, limit: int) -> tuple[Sequence[Attempt], int]:
        """Orders are carried out one by one: all that was noted by now is written before, and nothing later is seen."""
        of_job = attempts.c.job == job_id
        asked = sa.select(attempts).where(of_job).order_by(attempts.c.id).offset(offset).limit(limit)
        counted = sa.select(sa.func.count()).select_from(attempts).where(of_job)

        def work(connection: sa.Connection) -> tuple[Sequence[Attempt], int]:
            rows = connection.execute(asked).mappings().all()
            return [_attempt(row) for row in rows], connection.execute(counted).scalar_one()

        self._write_attempts()
        return await self._database.write(work)

    async def remove(self, job_id: str) -> None:
        gone = jobs.delete().where(self._here, jobs.c.id == job_id)
        await self._database.write(lambda connection: connection.execute(gone))

    async def _entries(self, asked: sa.Select[Any]) -> Sequence[Entry]:
        """Read there, row by row: what was asked for may be long."""
        return await self._database.read(lambda it: [_entry(row) for row in it.execute(asked).mappings()])


def _entry(row: Any) -> Entry:
    spec = _spec(row["spec"])
    ended = row["ended_at"] is not None
    summary = JobSummary(
        id=row["id"],
        state=_one_of(JobState, row["state"], JobState.FAILED if ended else JobState.UPLOADING),
        name=row["name"],
        filters=tuple(it.name for it in spec.filters),
        container=spec.container,
        submitted_at=row["submitted_at"],
        ended_at=row["ended_at"],
        frames_done=row["frames_done"],
        frames_total=row["frames_total"],
        size=row["size"],
        result_size=row["result_size"],
        result_held=ended and row["state"] == JobState.DONE and not row["result_removed"],
        detached=row["detached"],
        code=row["code"],
        message=row["message"],
    )
    return Entry(summary, spec, row["sha256"], row["result_sha256"], Paths(row["source_path"], row["result_path"]))


def _spec(text: str) -> JobSpec:
    """Of a row that is damaged, one without filters: it is still to be seen, and removed."""
    try:
        return from_plain(JobSpec, json.loads(text))
    except (ValueError, TypeError):
        return _UNREADABLE


def _one_of(kind: type[Kind], text: str, otherwise: Kind) -> Kind:
    """Of a row that is damaged, what is least wrong."""
    try:
        return kind(text)
    except ValueError:
        return otherwise


def _attempt(row: Any) -> Attempt:
    return Attempt(
        kind=_one_of(LeaseKind, row["kind"], LeaseKind.CHUNK),
        chunk=row["chunk"],
        attempt=row["attempt"],
        worker=row["worker"],
        slot=row["slot"],
        began_at=row["began_at"],
        ended_at=row["ended_at"],
        outcome=_one_of(Outcome, row["outcome"], Outcome.LOST),
        code=row["code"],
        message=row["message"],
        second=row["second"],
    )
