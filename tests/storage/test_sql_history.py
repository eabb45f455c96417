"""What can be told of jobs, in either database, of what the journal has written."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import sqlalchemy as sa

from vidproc.model import Attempt, FilterSpec, JobSpec, JobState, JobSummary, LeaseKind, Outcome
from vidproc.storage import sql_history
from vidproc.storage.database import Database
from vidproc.storage.history import NoHistory
from vidproc.storage.journal import Ending, JobRecord, NoJournal
from vidproc.storage.sql_history import SqlHistory
from vidproc.storage.sql_journal import SqlJournal
from vidproc.storage.tables import attempts, jobs

LIMIT_S = 20.0
SPEC = JobSpec((FilterSpec("blur", {"ksize": 9}), FilterSpec("edges")), container="mkv")


def run(main: Callable[[SqlJournal], Coroutine[Any, Any, None]], url: str) -> None:
    async def opened() -> None:
        async with journal_at(url) as journal:
            await main(journal)

    asyncio.run(asyncio.wait_for(opened(), LIMIT_S))


@contextlib.asynccontextmanager
async def journal_at(url: str) -> AsyncIterator[SqlJournal]:
    journal = SqlJournal(Database(url))
    await journal.open("here")
    try:
        yield journal
    finally:
        await journal.close()


def record(job_id: str, submitted_at: float = 1.5, **changes: Any) -> JobRecord:
    given = {"spec": SPEC, "name": "in.mp4", "size": 5, "sha256": "0" * 64, "version": "1"}
    return JobRecord(job_id, submitted_at=submitted_at, **{**given, **changes})


async def write(journal: SqlJournal, *job_ids: str) -> None:
    """Jobs that were submitted a second after each other."""
    for n, job_id in enumerate(job_ids):
        await journal.accept(record(job_id, 100.0 + n))


async def change(journal: SqlJournal, statement: sa.Executable) -> None:
    await journal.database.write(lambda connection: connection.execute(statement))


async def ids(history: SqlHistory, limit: int = 10, before: str = "", state: JobState | None = None) -> list[str]:
    return [entry.summary.id for entry in await history.page(limit, before, state)]


def attempt(chunk: int, outcome: Outcome = Outcome.DONE, **changes: Any) -> Attempt:
    return Attempt(LeaseKind.CHUNK, chunk, 1, "w", 0, 1.25, 2.5, outcome, **changes)


def test_a_job_that_goes_on(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await journal.accept(record("a", detached=True))
        entry = await journal.history().find("a")
        assert entry is not None
        assert entry.summary == JobSummary(
            "a", JobState.UPLOADING, "in.mp4", ("blur", "edges"), "mkv", 1.5, None, 0, 0, 5, detached=True
        )
        assert (entry.spec, entry.sha256, entry.result_sha256) == (SPEC, "0" * 64, "")

    run(main, url)


def test_a_job_that_is_done_and_one_that_failed(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b")
        await journal.end("a", Ending(JobState.DONE, 103.5, "", "", 7, "1" * 64, {"x": 1}, 60, 60))
        await journal.end("b", Ending(JobState.FAILED, 104.0, "filter", "é\n", frames_done=12, frames_total=60))
        done, failed = await journal.history().find("a"), await journal.history().find("b")
        assert done is not None
        assert failed is not None
        assert (done.summary.state, done.summary.ended_at, done.summary.result_size) == (JobState.DONE, 103.5, 7)
        assert (done.summary.frames_done, done.summary.result_held, done.result_sha256) == (60, True, "1" * 64)
        assert (failed.summary.code, failed.summary.message, failed.summary.result_held) == ("filter", "é\n", False)
        assert (failed.summary.frames_done, failed.summary.frames_total) == (12, 60)

    run(main, url)


def test_a_result_that_was_removed_is_not_held(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a")
        await journal.end("a", Ending(JobState.DONE, 103.5, size=7))
        assert await journal.surplus(1, ()) == ["a"]
        (entry,) = await journal.history().page(5, "", None)
        assert (entry.summary.result_size, entry.summary.result_held) == (7, False)

    run(main, url)


def test_pages_go_from_the_newest_to_the_oldest(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "b", "d", "a")
        await journal.accept(record("c", 102.0))  # at the same moment as "a"
        history = journal.history()
        assert await ids(history) == ["c", "a", "d", "b"]
        assert await ids(history, 2) == ["c", "a"]
        assert await ids(history, 2, "a") == ["d", "b"]
        assert await ids(history, 9, "c") == ["a", "d", "b"]
        assert await ids(history, 9, "b") == []

    run(main, url)


def test_only_those_in_a_state(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b", "c", "d")
        await journal.end("a", Ending(JobState.DONE, 200.0))
        await journal.end("c", Ending(JobState.DONE, 201.0))
        await journal.end("d", Ending(JobState.CANCELLED, 202.0))
        history = journal.history()
        assert await ids(history, state=JobState.DONE) == ["c", "a"]
        assert await ids(history, before="c", state=JobState.DONE) == ["a"]
        assert await ids(history, state=JobState.FAILED) == []

    run(main, url)


def test_only_some_jobs(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b", "c", "d")
        history = journal.history()
        for some, limit, before, told in (
            ("dab", 9, "", ["d", "b", "a"]),
            ("dab", 2, "", ["d", "b"]),
            ("dab", 2, "c", ["b", "a"]),
            ("", 9, "", []),
        ):
            assert [entry.summary.id for entry in await history.among(list(some), limit, before)] == told

    run(main, url)


def test_ids_by_their_beginning(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "ab1", "ab2", "b_3")
        history = journal.history()
        assert sorted(await history.ids("ab", 5)) == ["ab1", "ab2"]
        assert len(await history.ids("ab", 1)) == 1
        assert await history.ids("b_", 5) == ["b_3"]
        assert await history.ids("a%", 5) == []
        assert await history.ids("_", 5) == []

    run(main, url)


def test_attempts_in_the_order_in_which_they_ended(url: str) -> None:
    noted = [
        attempt(1),
        attempt(0, Outcome.FAILED, code="filter", message="it raised", second=True),
        attempt(0, Outcome.LOST),
    ]

    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b")
        for each in noted:
            journal.note_attempt("a", each)
        journal.note_attempt("gone", attempt(5))
        await journal.end("a", Ending(JobState.DONE, 200.0))
        history = journal.history()
        assert await history.attempts("a", 0, 5) == (noted, 3)
        assert await history.attempts("a", 1, 1) == (noted[1:2], 3)
        assert await history.attempts("a", 3, 5) == ([], 3)
        assert await history.attempts("b", 0, 5) == ([], 0)

    run(main, url)


def test_attempts_are_told_as_they_were_when_it_was_asked(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a")
        history = journal.history()
        journal.note_attempt("a", attempt(0))
        first = asyncio.create_task(history.attempts("a", 0, 5))
        await asyncio.sleep(0)  # it has asked
        journal.note_attempt("a", attempt(1))
        assert await history.attempts("a", 0, 5) == ([attempt(0), attempt(1)], 2)
        assert await first == ([attempt(0)], 1)

    run(main, url)


def test_what_was_noted_last_is_written_when_the_journal_is_closed(url: str) -> None:
    async def before(journal: SqlJournal) -> None:
        await write(journal, "a")
        journal.note_attempt("a", attempt(4))

    async def afterwards(journal: SqlJournal) -> None:
        assert await journal.history().attempts("a", 0, 5) == ([attempt(4)], 1)

    run(before, url)
    run(afterwards, url)


def test_a_job_is_removed_with_all_that_belongs_to_it(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b")
        journal.note_attempt("a", attempt(0))
        await journal.end("a", Ending(JobState.DONE, 200.0))
        history = journal.history()
        await history.remove("a")
        assert await history.find("a") is None
        assert await history.attempts("a", 0, 5) == ([], 0)
        assert await ids(history) == ["b"]
        assert await journal.find("a") is None

    run(main, url)


def test_a_history_is_of_one_folder(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a")
        history = SqlHistory(journal.database, "there", lambda: None)
        assert await ids(history) == []
        assert await history.find("a") is None
        assert await history.ids("a", 5) == []
        await history.remove("a")
        assert await ids(journal.history()) == ["a"]

    run(main, url)


@pytest.mark.parametrize("spec", ["{}", "[1]", '{"filters": 3}'])
def test_a_damaged_row_is_still_to_be_seen_and_removed(url: str, spec: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b")
        await change(journal, jobs.update().where(jobs.c.id == "a").values(spec=sa.text(f"'{spec}'")))
        history = journal.history()
        assert await ids(history) == ["b", "a"]
        entry = await history.find("a")
        assert entry is not None
        assert entry.summary.filters == ()
        await history.remove("a")
        assert await ids(history) == ["b"]

    run(main, url)


def test_words_that_are_damaged_keep_no_page_from_being_read(url: str) -> None:
    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b", "c")
        journal.note_attempt("a", attempt(0))
        await journal.end("a", Ending(JobState.DONE, 200.0))
        for damage in (
            jobs.update().where(jobs.c.id != "c").values(state="\x01"),
            attempts.update().values(kind="\x01", outcome="\x01"),
        ):
            await change(journal, damage)
        history = journal.history()
        told = [entry.summary for entry in await history.page(5, "", None)]
        assert [it.state for it in told] == [JobState.UPLOADING, JobState.UPLOADING, JobState.FAILED]
        assert not told[2].result_held
        ((found,), _) = await history.attempts("a", 0, 5)
        assert (found.kind, found.outcome) == (LeaseKind.CHUNK, Outcome.LOST)

    run(main, url)


def test_long_jobs_are_read_in_the_databases_thread(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def noted(text: str) -> JobSpec:
        threads.append(threading.current_thread().name)
        return SPEC

    async def main(journal: SqlJournal) -> None:
        await write(journal, "a", "b")
        monkeypatch.setattr(sql_history, "_spec", noted)
        await ids(journal.history())
        assert len(threads) == 2
        assert all(it.startswith("database") for it in threads)

    run(main, url)


def test_where_nothing_is_written_down_nothing_is_known() -> None:
    async def main() -> None:
        history = NoJournal().history()
        assert isinstance(history, NoHistory)
        assert not await history.page(5, "", None)
        assert not await history.among(["a"], 5, "")
        assert await history.find("a") is None
        assert not await history.ids("a", 5)
        assert await history.attempts("a", 0, 5) == ((), 0)
        await history.remove("a")

    asyncio.run(main())
