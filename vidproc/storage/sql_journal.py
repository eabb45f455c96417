"""The journal in a database: each word of it is a row or a change of one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Collection, Sequence
from contextvars import Context
from typing import Any

import msgpack
import sqlalchemy as sa
import structlog

from vidproc.errors import StorageError, VidprocError
from vidproc.model import Attempt, ChunkReport, JobSpec, JobState, Paths
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.storage.database import Database
from vidproc.storage.journal import Ending, JobRecord, KeptChunk, Left, Then, Unfinished
from vidproc.storage.sql_history import SqlHistory
from vidproc.storage.tables import LONGEST_CODE, as_text, attempts, chunks, jobs

_RECORD = as_text(jobs, "metrics")
_WHOLE = as_text(jobs)
_CHUNK = as_text(chunks)

_Noted = tuple[str, Attempt]
"""A job's id, and an attempt at it that is still to be written."""

_MOST_NOTED = 100
"""Attempts that wait for something to be written with."""

log = structlog.get_logger()


class SqlJournal:
    """See `Journal`. It owns its database."""

    durable = True

    def __init__(self, database: Database) -> None:
        self.database = database
        self._spool = ""
        self._attempts: list[_Noted] = []

    async def open(self, spool: str) -> None:
        self._spool = spool
        await self.database.open()

    async def close(self) -> None:
        self._write_attempts()
        await self.database.close()

    async def recall(self) -> Left:
        left, damaged = await self.database.read(self._left)
        if self.database.is_file and (elsewhere := await self.database.read(self._elsewhere)):
            log.warning("the database has jobs of another data folder, which are not gone on with", jobs=elsewhere)
        for job_id, why in damaged.items():
            log.error("job cannot be read", job=job_id, error=why)
            message = f"what the coordinator has written down of it cannot be read any more ({why}); give it again"
            await self.end(job_id, Ending(JobState.FAILED, time.time(), StorageError.code, message))
        return left

    def _left(self, connection: sa.Connection) -> tuple[Left, dict[str, str]]:
        here = jobs.c.spool == self._spool
        open_ones = connection.execute(sa.select(*_RECORD).where(here, jobs.c.ended_at.is_(None))).mappings().all()
        held = sa.select(jobs.c.id).where(here, jobs.c.state == JobState.DONE, ~jobs.c.result_removed)
        unfinished, damaged = [], {}
        for row in open_ones:
            try:
                unfinished.append(Unfinished(_record(row), _chunks(connection, row["id"])))
            except (ValueError, TypeError) as error:
                damaged[row["id"]] = str(error)
        return Left(unfinished, set(connection.execute(held).scalars())), damaged

    def _elsewhere(self, connection: sa.Connection) -> int:
        """Jobs that have not ended, of folders with other names."""
        others = sa.select(sa.func.count()).where(jobs.c.spool != self._spool, jobs.c.ended_at.is_(None))
        return connection.execute(others).scalar() or 0

    async def accept(self, job: JobRecord) -> None:
        row = {
            "id": job.id,
            "spool": self._spool,
            "version": job.version,
            "name": _text(job.name),
            "source_path": _text(job.paths.source),
            "result_path": _text(job.paths.result),
            "spec": to_plain(job.spec),
            "size": job.size,
            "sha256": job.sha256,
            "detached": job.detached,
            "state": JobState.UPLOADING,
            "submitted_at": job.submitted_at,
        }
        await self.database.write(lambda connection: connection.execute(jobs.insert(), row))

    async def resume(self, job_id: str) -> None:
        change = jobs.update().where(jobs.c.id == job_id).values(restarts=jobs.c.restarts + 1)
        await self.database.write(lambda connection: connection.execute(change))

    def keep_chunk(self, job_id: str, chunk: KeptChunk, then: Then) -> None:
        row = {
            "job": job_id,
            "number": chunk.index,
            "size": chunk.size,
            "sha256": chunk.sha256,
            "report": msgpack.packb(to_plain(chunk.report)),
            "worker": _text(chunk.worker),
            "slot": chunk.slot,
            "versions": dict(chunk.versions),
        }

        def work(connection: sa.Connection) -> None:
            connection.execute(chunks.delete().where(chunks.c.job == job_id, chunks.c.number == chunk.index))
            connection.execute(chunks.insert(), row)

        self._write_attempts()
        self.database.write(work).add_done_callback(lambda done: _call(then, done))

    def note_attempt(self, job_id: str, attempt: Attempt) -> None:
        self._attempts.append((job_id, attempt))
        if len(self._attempts) >= _MOST_NOTED:
            self._write_attempts()

    async def end(self, job_id: str, ending: Ending) -> None:
        """The rows of its chunks have served their purpose."""
        change = (
            jobs.update()
            .where(jobs.c.id == job_id)
            .values(
                state=ending.state,
                ended_at=ending.at,
                code=_text(ending.code)[:LONGEST_CODE],
                message=_text(ending.message),
                result_size=ending.size,
                result_sha256=ending.sha256,
                metrics=dict(ending.metrics),
                frames_done=ending.frames_done,
                frames_total=ending.frames_total,
            )
        )

        def work(connection: sa.Connection) -> None:
            connection.execute(change)
            connection.execute(chunks.delete().where(chunks.c.job == job_id))

        self._write_attempts()
        await self.database.write(work)

    def history(self) -> SqlHistory:
        return SqlHistory(self.database, self._spool, self._write_attempts)

    async def find(self, job_id: str) -> tuple[JobRecord, Ending] | None:
        asked = sa.select(*_WHOLE).where(
            jobs.c.id == job_id, jobs.c.spool == self._spool, jobs.c.ended_at.is_not(None)
        )
        row = await self.database.read(lambda connection: connection.execute(asked).mappings().first())
        try:
            return (_record(row), _ending(row)) if row is not None else None
        except (ValueError, TypeError) as error:
            raise StorageError(f"what is written down of job {job_id} cannot be read any more: {error}") from error

    async def fetched(self, job_id: str) -> None:
        change = jobs.update().where(jobs.c.id == job_id).values(fetched_at=time.time())
        await self.database.write(lambda connection: connection.execute(change))

    async def outdated(self, before: float, most: int, spared: Collection[str]) -> Sequence[str]:
        asked, by_id = self._outdated(before, most), jobs.delete().where(jobs.c.id == sa.bindparam("gone"))

        def work(connection: sa.Connection) -> Sequence[str]:
            gone = [job_id for job_id in connection.execute(asked).scalars() if job_id not in spared]
            if gone:
                connection.execute(by_id, [{"gone": job_id} for job_id in gone])
            return gone

        return await self.database.write(work)

    def _outdated(self, before: float, most: int) -> sa.Select[Any]:
        ended = sa.select(jobs.c.id).where(jobs.c.spool == self._spool, jobs.c.ended_at.is_not(None))
        had_its_time = jobs.c.ended_at < before
        if most:
            newest = ended.order_by(jobs.c.ended_at.desc(), jobs.c.id.desc())
            had_its_time |= jobs.c.id.in_(newest.offset(most).correlate(None))
        return ended.where(had_its_time).order_by(jobs.c.ended_at, jobs.c.id)

    async def make_room(self, size: int) -> Sequence[str]:
        here = self._fetched
        return await self.database.write(lambda connection: _remove(connection, connection.execute(here).all(), size))

    async def room_to_make(self) -> int:
        here = self._fetched
        return await self.database.read(lambda connection: sum(size for _, size in connection.execute(here)))

    async def surplus(self, limit: int, spared: Collection[str]) -> Sequence[str]:
        def work(connection: sa.Connection) -> Sequence[str]:
            held = connection.execute(self._results).all()
            excess = sum(size for _, size in held) - limit
            return _remove(connection, [row for row in held if row[0] not in spared], excess)

        return await self.database.write(work)

    @property
    def _fetched(self) -> sa.Select[Any]:
        return self._results.where(jobs.c.fetched_at.is_not(None))

    @property
    def _results(self) -> sa.Select[Any]:
        """Those that are there, with their sizes, in the order in which they would go."""
        here = sa.and_(jobs.c.spool == self._spool, jobs.c.state == JobState.DONE, ~jobs.c.result_removed)
        found = sa.select(jobs.c.id, jobs.c.result_size).where(here)
        return found.order_by(jobs.c.fetched_at.is_(None), jobs.c.fetched_at, jobs.c.ended_at)

    def _write_attempts(self) -> None:
        """Nobody waits for it, and nothing that is written beside it fails with it."""
        noted, self._attempts = self._attempts, []
        if noted:
            writing = self.database.write(lambda connection: _note(connection, noted))
            writing.add_done_callback(_warn, context=Context())  # they are of many jobs


def _call(then: Then, done: Any) -> None:
    if not done.cancelled():
        error = done.exception()
        then(error if error is None or isinstance(error, VidprocError) else StorageError(str(error)))


def _warn(done: asyncio.Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()):
        log.warning("attempts cannot be written down", error=str(error))


def _remove(connection: sa.Connection, results: Sequence[Any], excess: int) -> Sequence[str]:
    """The first of these that have so many bytes together are not there any more."""
    gone: list[str] = []
    for job_id, size in results:
        if excess <= 0:
            break
        gone.append(job_id)
        excess -= size
    connection.execute(jobs.update().where(jobs.c.id.in_(gone)).values(result_removed=True))
    return gone


def _text(said: str) -> str:
    """What any database takes: PostgreSQL has no zeros in its texts, and neither has what is no UTF-8."""
    return said.replace("\0", "?").encode(errors="replace").decode()


def _note(connection: sa.Connection, noted: Sequence[_Noted]) -> None:
    """Those of jobs that are forgotten already are passed over."""
    named = {job_id for job_id, _ in noted}
    known = set(connection.execute(sa.select(jobs.c.id).where(jobs.c.id.in_(named))).scalars())
    if rows := [_attempt_row(job_id, it) for job_id, it in noted if job_id in known]:
        connection.execute(attempts.insert(), rows)


def _attempt_row(job_id: str, it: Attempt) -> dict[str, Any]:
    """A daemon may have written any code and message."""
    texts = {"code": _text(it.code)[:LONGEST_CODE], "worker": _text(it.worker), "message": _text(it.message)}
    return {"job": job_id, **to_plain(it), **texts}


def _record(row: Any) -> JobRecord:
    """Raises `ValueError` or `TypeError` for a row that is damaged."""
    return JobRecord(
        id=row["id"],
        spec=from_plain(JobSpec, json.loads(row["spec"])),
        name=row["name"],
        size=row["size"],
        sha256=row["sha256"],
        submitted_at=row["submitted_at"],
        version=row["version"],
        detached=row["detached"],
        restarts=row["restarts"],
        paths=Paths(row["source_path"], row["result_path"]),
    )


def _chunks(connection: sa.Connection, job_id: str) -> list[KeptChunk]:
    """Those that can be read: the others are made again."""
    found = []
    for row in connection.execute(sa.select(*_CHUNK).where(chunks.c.job == job_id)).mappings():
        with contextlib.suppress(ValueError, TypeError):
            found.append(_chunk(row))
    return found


def _chunk(row: Any) -> KeptChunk:
    return KeptChunk(
        index=row["number"],
        size=row["size"],
        sha256=row["sha256"],
        report=from_plain(ChunkReport, msgpack.unpackb(row["report"], strict_map_key=False)),
        worker=row["worker"],
        slot=row["slot"],
        versions=json.loads(row["versions"]),
    )


def _ending(row: Any) -> Ending:
    return Ending(
        state=JobState(row["state"]),
        at=row["ended_at"],
        code=row["code"],
        message=row["message"],
        size=row["result_size"],
        sha256=row["result_sha256"],
        metrics=json.loads(row["metrics"] or "{}"),
        frames_done=row["frames_done"],
        frames_total=row["frames_total"],
    )
