"""What was written down is read again, by another journal on the same database; what is damaged harms itself alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from fractions import Fraction
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.postgres import Postgres
from vidproc.errors import ClientError, StorageError, VidprocError
from vidproc.model import Attempt, ChunkReport, FilterSpec, JobSpec, JobState, LeaseKind, Outcome, Paths, StreamFormat
from vidproc.storage.database import Database
from vidproc.storage.journal import Ending, JobRecord, KeptChunk, Unfinished
from vidproc.storage.sql_journal import SqlJournal
from vidproc.storage.tables import attempts, chunks, jobs, schema

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


def run(main: Callable[[str], Coroutine[Any, Any, None]], url: str) -> None:
    asyncio.run(asyncio.wait_for(main(url), LIMIT_S))


@contextlib.asynccontextmanager
async def opened(url: str, spool: str = "here") -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(Database(url))
    await journal.open(spool)
    try:
        yield journal
    finally:
        await journal.close()


def beside(journal: SqlJournal, spool: str) -> SqlJournal:
    """Another folder's in the same database, by the same connection: SQLite's has but one."""
    other = SqlJournal(journal.database)
    other._spool = spool
    return other


async def keep(journal: SqlJournal, chunk: KeptChunk, job_id: str = "a") -> VidprocError | None:
    said: asyncio.Future[VidprocError | None] = asyncio.get_running_loop().create_future()
    journal.keep_chunk(job_id, chunk, said.set_result)
    return await said


async def change(journal: SqlJournal, statement: sa.Executable) -> None:
    await journal.database.write(lambda connection: connection.execute(statement))


def test_a_job_and_its_chunks_are_read_as_they_were_written(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record(detached=True))
            assert await keep(journal, kept(3)) is None
            assert await keep(journal, kept(0)) is None
            await journal.resume("a")
        async with opened(url) as journal:
            left = await journal.recall()
            assert list(left.unfinished) == [Unfinished(record(detached=True, restarts=1), [kept(0), kept(3)])]
            assert left.results == set()

    run(main, url)


def test_what_others_wrote_is_kept_as_far_as_it_is_text(url: str) -> None:
    strange = "a\0\udcffb"

    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record(name=strange, paths=Paths(strange, "é")))
            journal.note_attempt("a", Attempt(LeaseKind.CHUNK, 0, 1, "w", 0, 1.0, 2.0, Outcome.FAILED, "x", strange))
            await journal.end("a", Ending(JobState.FAILED, 2.0, "x", strange))
            found = await journal.find("a")
            assert found is not None
            assert (found[0].name, found[0].paths, found[1].message) == ("a??b", Paths("a??b", "é"), "a??b")
            ((attempt,), _) = await journal.history().attempts("a", 0, 5)
            assert attempt.message == "a??b"

    run(main, url)


def test_a_chunk_that_is_made_again_replaces_its_row(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            await keep(journal, kept(0))
            await keep(journal, kept(0, "3" * 64))
            (left,) = (await journal.recall()).unfinished
            assert left.chunks == [kept(0, "3" * 64)]

    run(main, url)


def test_a_job_that_has_ended_can_be_looked_up_and_is_not_gone_on_with(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            for job_id in ("a", "b"):
                await journal.accept(record(job_id))
            await keep(journal, kept(0))
            assert await journal.find("a") is None
            await journal.end("a", done(2.5, 9))
            await journal.end("b", Ending(JobState.FAILED, 3.0, "media", "no film"))
        async with opened(url) as journal:
            assert await journal.find("a") == (record(), done(2.5, 9))
            assert await journal.find("b") == (record("b"), Ending(JobState.FAILED, 3.0, "media", "no film"))
            left = await journal.recall()
            assert (left.unfinished, left.results) == ([], {"a"})
            count = sa.select(sa.func.count()).select_from(chunks)
            assert await journal.database.read(lambda connection: connection.execute(count).scalar()) == 0

    run(main, url)


def test_an_ended_job_whose_row_is_damaged_is_said_to_be(file_url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            await journal.end("a", done(2.5))
            await change(journal, jobs.update().values(metrics=sa.text("'{'")))
            with pytest.raises(StorageError, match="what is written down of job a cannot be read any more"):
                await journal.find("a")

    run(main, file_url)


def test_coordinators_with_other_folders_keep_apart_in_one_database(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as here:
            there = beside(here, "there")
            await here.accept(record("a"))
            await there.accept(record("b"))
            await there.accept(record("c"))
            await there.end("c", done(1.0, 10))
            assert [each.record.id for each in (await here.recall()).unfinished] == ["a"]
            assert [each.record.id for each in (await there.recall()).unfinished] == ["b"]
            assert await here.find("c") is None
            assert await here.outdated(2.0, 0, ()) == []
            assert await here.surplus(1, ()) == []
            assert await there.surplus(1, ()) == ["c"]

    run(main, url)


@pytest.mark.parametrize(
    "damage", [{"spec": sa.text("'{\"fil'")}, {"spec": sa.text("'{}'")}, {"spec": sa.text("'[1]'")}], ids=str
)
def test_a_job_whose_row_is_damaged_has_failed_and_the_others_go_on(file_url: str, damage: dict[str, Any]) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            for job_id in ("a", "b"):
                await journal.accept(record(job_id))
            await change(journal, jobs.update().where(jobs.c.id == "a").values(**damage))
            assert [each.record.id for each in (await journal.recall()).unfinished] == ["b"]
            row = sa.select(jobs.c.state, jobs.c.code, jobs.c.message).where(jobs.c.id == "a")
            state, code, message = await journal.database.read(lambda connection: connection.execute(row).one())
            assert (state, code) == (JobState.FAILED, StorageError.code)
            assert "cannot be read any more" in message

    run(main, file_url)


@pytest.mark.parametrize("damage", [{"report": b"\xc1"}, {"report": b""}, {"versions": sa.text("'{'")}], ids=str)
def test_a_chunk_whose_row_is_damaged_is_made_again(file_url: str, damage: dict[str, Any]) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            for index in (0, 1):
                await keep(journal, kept(index))
            await change(journal, chunks.update().where(chunks.c.number == 0).values(**damage))
            (left,) = (await journal.recall()).unfinished
            assert left.chunks == [kept(1)]

    run(main, file_url)


def test_attempts_are_written_with_what_comes_next_and_go_with_their_job(url: str) -> None:
    attempt = Attempt(LeaseKind.CHUNK, 2, 1, "w", 0, 1.0, 2.0, Outcome.FAILED, "filter", "no")

    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            journal.note_attempt("a", attempt)
            journal.note_attempt("gone", attempt)
            await journal.end("a", done(3.0))
            rows = sa.select(attempts.c.job, attempts.c.kind, attempts.c.outcome)
            assert await journal.database.read(lambda connection: connection.execute(rows).all()) == [
                ("a", "chunk", "failed")
            ]
            assert await journal.outdated(4.0, 0, ()) == ["a"]
            assert await journal.database.read(lambda connection: connection.execute(rows).all()) == []

    run(main, url)


def test_a_daemon_may_write_any_code(url: str) -> None:
    said = "x" * 70 + "\0\udcff"
    attempt = Attempt(LeaseKind.CHUNK, 2, 1, said, 0, 1.0, 2.0, Outcome.FAILED, said, said)

    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            journal.note_attempt("a", attempt)
            await journal.end("a", Ending(JobState.FAILED, 2.0, said, said))
            ((found,), _) = await journal.history().attempts("a", 0, 5)
            assert (found.code, found.worker, found.message) == ("x" * 64, "x" * 70 + "??", "x" * 70 + "??")
            assert (await journal.recall()).unfinished == []

    run(main, url)


def test_attempts_that_cannot_be_written_harm_no_job(url: str) -> None:
    wrong: Any = None
    attempt = Attempt(LeaseKind.CHUNK, wrong, 1, "w", 0, 1.0, 2.0, Outcome.DONE)

    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            journal.note_attempt("a", attempt)
            assert await keep(journal, kept(0)) is None
            journal.note_attempt("a", attempt)
            await journal.end("a", done(3.0))
            assert await journal.find("a") == (record(), done(3.0))

    run(main, url)


def test_many_attempts_do_not_wait_for_what_comes_next(url: str) -> None:
    attempt = Attempt(LeaseKind.STAGE, 2, 1, "w", 0, 1.0, 2.0, Outcome.DONE)
    count = sa.select(sa.func.count()).select_from(attempts)

    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
            for _ in range(250):
                journal.note_attempt("a", attempt)
            assert await journal.database.write(lambda connection: connection.execute(count).scalar()) == 200

    run(main, url)


def test_old_jobs_are_forgotten_and_those_that_go_on_never(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            for job_id in ("old", "new", "going-on"):
                await journal.accept(record(job_id))
            await journal.end("old", done(10.0))
            await journal.end("new", done(20.0))
            assert await journal.outdated(15.0, 0, ()) == ["old"]
            assert await journal.find("old") is None
            assert await journal.find("new") is not None
            assert len((await journal.recall()).unfinished) == 1

    run(main, url)


def test_too_many_jobs_are_forgotten_by_when_they_ended(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            there = beside(journal, "there")
            await journal.accept(record("going-on"))
            for at, job_id in enumerate("dacb"):
                await journal.accept(record(job_id))
                await journal.end(job_id, done(float(at)))
            assert await there.outdated(0.0, 1, ()) == []
            assert await journal.outdated(0.0, 0, ()) == []
            assert await journal.outdated(0.0, 4, ()) == []
            assert await journal.outdated(0.0, 2, ("d",)) == ["a"]
            assert await journal.outdated(9.0, 1, ("d", "b")) == ["c"]
            assert await journal.outdated(9.0, 0, ()) == ["d", "b"]
            assert len((await journal.recall()).unfinished) == 1

    run(main, url)


def test_too_many_results_go_by_who_has_them_and_then_by_age(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            for n, job_id in enumerate(("oldest", "old", "watched", "fetched", "fetched later")):
                await journal.accept(record(job_id))
                await journal.end(job_id, done(float(n), 10))
            await journal.fetched("fetched")
            await journal.fetched("fetched later")
            assert await journal.room_to_make() == 20
            assert await journal.surplus(50, ()) == []
            assert await journal.surplus(45, ()) == ["fetched"]
            assert await journal.room_to_make() == 10
            assert await journal.surplus(40, ()) == []
            assert await journal.surplus(15, ("watched",)) == ["fetched later", "oldest", "old"]
            assert await journal.surplus(0, ("watched",)) == []
            assert await journal.find("old") is not None, "what is known of it stays"
            assert (await journal.recall()).results == {"watched"}

    run(main, url)


async def without(url: str, table: sa.Table, *columns: str) -> None:
    """As a vidproc wrote it that knew of no such columns, with a job in it."""
    async with opened(url) as journal:
        await journal.accept(record())
        await change(journal, schema.update().values(version=0))
        for name in columns:
            await change(journal, sa.text(f"ALTER TABLE {table.name} DROP COLUMN {name}"))


def test_the_tables_of_an_older_version_get_what_they_lack(url: str) -> None:
    async def main(url: str) -> None:
        await without(url, jobs, "frames_total", "restarts", "source_path", "detached", "fetched_at")
        async with opened(url) as journal:
            (left,) = (await journal.recall()).unfinished
            assert left.record == record()
            await journal.end("a", done(2.5))
        async with opened(url) as journal:
            assert await journal.find("a") == (record(), done(2.5))

    run(main, url)


def test_an_older_version_that_knew_too_little_is_named(url: str) -> None:
    async def main(url: str) -> None:
        await without(url, jobs, "name")
        with pytest.raises(ClientError, match=r"an older vidproc, which did not know of jobs\.name: start that"):
            async with opened(url):
                pass

    run(main, url)


def test_jobs_of_another_folder_in_a_file_are_not_passed_over_in_silence(file_url: str) -> None:
    """It lost its name, or another folder was given with the same database."""

    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record())
        async with opened(url, "there") as journal:
            with capture_logs() as logs:
                assert (await journal.recall()).unfinished == []
            assert [entry["jobs"] for entry in logs] == [1]

    run(main, file_url)


def test_a_server_that_was_started_anew_is_connected_to_again(postgres: Postgres) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            await journal.accept(record("a"))
            postgres.hang_up()
            await journal.accept(record("b"))
            postgres.hang_up()
            assert {each.record.id for each in (await journal.recall()).unfinished} == {"a", "b"}

    run(main, postgres.new_database())


def test_what_cannot_be_written_is_told(url: str) -> None:
    async def main(url: str) -> None:
        async with opened(url) as journal:
            error = await keep(journal, kept(0), "no such job")
            assert isinstance(error, StorageError)
            assert "foreign key" in str(error).lower()

    run(main, url)
