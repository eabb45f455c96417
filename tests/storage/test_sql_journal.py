"""What was written down is read again, by another journal on the same database; what is damaged harms itself alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from vidproc.errors import StorageError, VidprocError
from vidproc.model import ChunkReport, FilterSpec, JobSpec, JobState, LeaseKind, StreamFormat
from vidproc.storage.database import Database, url_of_file
from vidproc.storage.journal import Attempt, Ending, JobRecord, KeptChunk, Unfinished
from vidproc.storage.sql_journal import SqlJournal
from vidproc.storage.tables import attempts, chunks, jobs

LIMIT_S = 20.0
SPEC = JobSpec((FilterSpec("blur", {"size": 3, "sigma": 1.0, "kind": "median"}, code="é\0"),), crf=20.5, files={"f": 1})
REPORT = ChunkReport(
    10, b"\0\xff", 2, {"filter": 0.25}, {3: 7}, concealed=((1, 2),), losses=("no",),
    made=StreamFormat("h264", b"x", 4, 2, "yuv420p", frame_rate=Fraction(30000, 1001)),
)  # fmt: skip


def record(job_id: str = "a", **changes: Any) -> JobRecord:
    given = {"spec": SPEC, "name": "in.mp4", "size": 5, "sha256": "0" * 64, "submitted_at": 1.5, "version": "1"}
    return JobRecord(job_id, **{**given, **changes})


def kept(index: int = 0, sha256: str = "1" * 64) -> KeptChunk:
    return KeptChunk(index, 7, sha256, REPORT, "w", 1, {"av": "18"})


def done(at: float, size: int = 0) -> Ending:
    return Ending(JobState.DONE, at, size=size, sha256="2" * 64, metrics={"frames_out": 3, "losses": ["é"]})


def run(main: Callable[[Path], Coroutine[Any, Any, None]], folder: Path) -> None:
    asyncio.run(asyncio.wait_for(main(folder), LIMIT_S))


@contextlib.asynccontextmanager
async def opened(folder: Path, spool: str = "here") -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(Database(url_of_file(folder / "d")))
    await journal.open(spool)
    try:
        yield journal
    finally:
        await journal.close()


async def keep(journal: SqlJournal, chunk: KeptChunk, job_id: str = "a") -> VidprocError | None:
    said: asyncio.Future[VidprocError | None] = asyncio.get_running_loop().create_future()
    journal.keep_chunk(job_id, chunk, said.set_result)
    return await said


async def change(journal: SqlJournal, statement: sa.Executable) -> None:
    await journal.database.write(lambda connection: connection.execute(statement))


def test_a_job_and_its_chunks_are_read_as_they_were_written(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            await journal.accept(record(detached=True))
            assert await keep(journal, kept(3)) is None
            assert await keep(journal, kept(0)) is None
            await journal.resume("a")
        async with opened(folder) as journal:
            left = await journal.recall()
            assert list(left.unfinished) == [Unfinished(record(detached=True, restarts=1), [kept(0), kept(3)])]
            assert left.results == set()

    run(main, tmp_path)


def test_a_chunk_that_is_made_again_replaces_its_row(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            await journal.accept(record())
            await keep(journal, kept(0))
            await keep(journal, kept(0, "3" * 64))
            (left,) = (await journal.recall()).unfinished
            assert left.chunks == [kept(0, "3" * 64)]

    run(main, tmp_path)


def test_a_job_that_has_ended_can_be_looked_up_and_is_not_gone_on_with(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            for job_id in ("a", "b"):
                await journal.accept(record(job_id))
            await keep(journal, kept(0))
            assert await journal.find("a") is None
            await journal.end("a", done(2.5, 9))
            await journal.end("b", Ending(JobState.FAILED, 3.0, "media", "no film"))
        async with opened(folder) as journal:
            assert await journal.find("a") == (record(), done(2.5, 9))
            assert await journal.find("b") == (record("b"), Ending(JobState.FAILED, 3.0, "media", "no film"))
            left = await journal.recall()
            assert (left.unfinished, left.results) == ([], {"a"})
            count = sa.select(sa.func.count()).select_from(chunks)
            assert await journal.database.read(lambda connection: connection.execute(count).scalar()) == 0

    run(main, tmp_path)


def test_an_ended_job_whose_row_is_damaged_is_said_to_be(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            await journal.accept(record())
            await journal.end("a", done(2.5))
            await change(journal, jobs.update().values(metrics=sa.text("'{'")))
            with pytest.raises(StorageError, match="what is written down of job a cannot be read any more"):
                await journal.find("a")

    run(main, tmp_path)


def test_coordinators_with_other_folders_keep_apart_in_one_database(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder, "here") as here, opened(folder, "there") as there:
            await here.accept(record("a"))
            await there.accept(record("b"))
            await there.accept(record("c"))
            await there.end("c", done(1.0, 10))
            assert [each.record.id for each in (await here.recall()).unfinished] == ["a"]
            assert [each.record.id for each in (await there.recall()).unfinished] == ["b"]
            assert await here.find("c") is None
            assert await here.outdated(2.0) == []
            assert await here.surplus(1, ()) == []
            assert await there.surplus(1, ()) == ["c"]

    run(main, tmp_path)


@pytest.mark.parametrize(
    "damage", [{"spec": sa.text("'{\"fil'")}, {"spec": sa.text("'{}'")}, {"spec": sa.text("'[1]'")}], ids=str
)
def test_a_job_whose_row_is_damaged_has_failed_and_the_others_go_on(tmp_path: Path, damage: dict[str, Any]) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            for job_id in ("a", "b"):
                await journal.accept(record(job_id))
            await change(journal, jobs.update().where(jobs.c.id == "a").values(**damage))
            assert [each.record.id for each in (await journal.recall()).unfinished] == ["b"]
            row = sa.select(jobs.c.state, jobs.c.code, jobs.c.message).where(jobs.c.id == "a")
            state, code, message = await journal.database.read(lambda connection: connection.execute(row).one())
            assert (state, code) == (JobState.FAILED, StorageError.code)
            assert "cannot be read any more" in message

    run(main, tmp_path)


@pytest.mark.parametrize("damage", [{"report": b"\xc1"}, {"report": b""}, {"versions": sa.text("'{'")}], ids=str)
def test_a_chunk_whose_row_is_damaged_is_made_again(tmp_path: Path, damage: dict[str, Any]) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            await journal.accept(record())
            for index in (0, 1):
                await keep(journal, kept(index))
            await change(journal, chunks.update().where(chunks.c.number == 0).values(**damage))
            (left,) = (await journal.recall()).unfinished
            assert left.chunks == [kept(1)]

    run(main, tmp_path)


def test_attempts_are_written_with_what_comes_next_and_go_with_their_job(tmp_path: Path) -> None:
    attempt = Attempt("a", 2, 1, LeaseKind.CHUNK, "w", 0, 1.0, 2.0, "failed: no")

    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            await journal.accept(record())
            journal.note_attempt(attempt)
            journal.note_attempt(Attempt("gone", 0, 1, LeaseKind.CHUNK, "w", 0, 1.0, 2.0, "lost"))
            await journal.end("a", done(3.0))
            rows = sa.select(attempts.c.job, attempts.c.kind, attempts.c.outcome)
            assert await journal.database.read(lambda connection: connection.execute(rows).all()) == [
                ("a", "chunk", "failed: no")
            ]
            assert await journal.outdated(4.0) == ["a"]
            assert await journal.database.read(lambda connection: connection.execute(rows).all()) == []

    run(main, tmp_path)


def test_old_jobs_are_forgotten_and_those_that_go_on_never(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            for job_id in ("old", "new", "going-on"):
                await journal.accept(record(job_id))
            await journal.end("old", done(10.0))
            await journal.end("new", done(20.0))
            assert await journal.outdated(15.0) == ["old"]
            assert await journal.find("old") is None
            assert await journal.find("new") is not None
            assert len((await journal.recall()).unfinished) == 1

    run(main, tmp_path)


def test_too_many_results_go_by_who_has_them_and_then_by_age(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            for n, job_id in enumerate(("oldest", "old", "watched", "fetched", "fetched later")):
                await journal.accept(record(job_id))
                await journal.end(job_id, done(float(n), 10))
            await journal.fetched("fetched")
            await journal.fetched("fetched later")
            assert await journal.surplus(50, ()) == []
            assert await journal.surplus(45, ()) == ["fetched"]
            assert await journal.surplus(40, ()) == []
            assert await journal.surplus(15, ("watched",)) == ["fetched later", "oldest", "old"]
            assert await journal.surplus(0, ("watched",)) == []
            assert await journal.find("old") is not None, "what is known of it stays"
            assert (await journal.recall()).results == {"watched"}

    run(main, tmp_path)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    async def main(folder: Path) -> None:
        async with opened(folder) as journal:
            error = await keep(journal, kept(0), "no such job")
            assert isinstance(error, StorageError)
            assert "FOREIGN KEY" in str(error)

    run(main, tmp_path)
