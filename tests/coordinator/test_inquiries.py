"""What a coordinator tells of its jobs, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import run, until
from tests.coordinator.test_clients import FILM, JOB, MIB, Served, accepted, answer, refusal, submission, upload
from tests.media import clips
from vidproc.config import CoordinatorSettings
from vidproc.coordinator.inquiries import Question
from vidproc.coordinator.server import Coordinator
from vidproc.model import Attempt, FilterSpec, JobSpec, JobState, JobSummary, LeaseKind, Outcome, Paths
from vidproc.protocol.job_messages import (
    PAGE,
    Attempts,
    Describe,
    Description,
    Jobs,
    ListAttempts,
    ListJobs,
    Remove,
    Removed,
    Rerun,
)
from vidproc.protocol.messages import Accepted, Cancel, Fetch, Finished, Message, Received, Watch
from vidproc.protocol.party import Party
from vidproc.storage.database import Database, url_of_file
from vidproc.storage.journal import Ending, JobRecord
from vidproc.storage.spool import Spool
from vidproc.storage.sql_journal import SqlJournal
from vidproc.transport.connect import connect
from vidproc.transport.session import Session, SessionSettings

pytestmark = pytest.mark.process
_Answer = TypeVar("_Answer", bound=Message)
PATHS = Paths("/home/ann/in.mp4", "/home/ann/out.mkv")
DONE = Ending(JobState.DONE, 500.0, "", "", 7, "1" * 64, {"frames_out": 60}, 60, 60)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real one. Nobody is there to work on it."""
    return clips.make("constant rate", tmp_path_factory.mktemp("films")).read_bytes()


def record(job_id: str, submitted_at: float = 100.0, **changes: Any) -> JobRecord:
    given = {"spec": JOB, "name": "in.mp4", "size": len(FILM), "sha256": submission().sha256, "version": "1"}
    return JobRecord(job_id, submitted_at=submitted_at, **{**given, **changes})


@asynccontextmanager
async def journal_of(folder: Path) -> AsyncIterator[SqlJournal]:
    """What a coordinator finds in its folder."""
    spool = Spool(folder / "data")
    spool.open()
    journal = SqlJournal(Database(url_of_file(folder / "data" / "d")))
    await journal.open(spool.identity)
    try:
        yield journal
    finally:
        await journal.close()
        spool.close()


@asynccontextmanager
async def written(
    folder: Path, *records: JobRecord, ending: Ending = DONE, **settings: Any
) -> AsyncIterator[Served]:
    """A coordinator whose predecessor has done these jobs."""
    async with journal_of(folder) as journal:
        for each in records:
            await journal.accept(each)
            journal.note_attempt(each.id, attempt(0))
            await journal.end(each.id, ending)
    given = CoordinatorSettings(data_dir=folder / "data", keep=1e12, **settings)
    coordinator = Coordinator(given, SqlJournal(Database(url_of_file(folder / "data" / "d"))))
    made = Served(folder, coordinator)
    await coordinator.start([made.address])
    try:
        yield made
    finally:
        await coordinator.stop()


def attempt(chunk: int, **changes: Any) -> Attempt:
    return replace(Attempt(LeaseKind.CHUNK, chunk, 1, "w", 0, 1.0, 2.0, Outcome.DONE), **changes)


@asynccontextmanager
async def idle(at: Served) -> AsyncIterator[Session]:
    """A client that reads nothing before it is asked for."""
    few = SessionSettings(receive_high=1, receive_low=0)
    async with await connect(at.address, Party("client", "idle", {"vidproc": "1"}), settings=few) as session:
        yield session


async def ask(client: Session, question: Message, kind: type[_Answer]) -> _Answer:
    await client.send(question)
    return await answer(client, kind)


async def listed(client: Session, **asked: Any) -> tuple[list[str], bool]:
    told = await ask(client, ListJobs(5, **asked), Jobs)
    assert told.request == 5
    return [it.id for it in told.jobs], told.more


async def described(client: Session, job_id: str) -> Description:
    return await ask(client, Describe(6, job_id), Description)


# Lists


def test_pages(tmp_path: Path) -> None:
    async def main() -> None:
        records = [record(f"{n:04x}", 100.0 + n) for n in range(PAGE + 2)]
        async with written(tmp_path, *records) as at, at.client() as client:
            newest = [each.id for each in reversed(records)]
            assert await listed(client) == (newest[:PAGE], True)
            assert await listed(client, limit=3) == (newest[:3], True)
            assert await listed(client, limit=3, before=newest[2]) == (newest[3:6], True)
            assert await listed(client, before=newest[PAGE - 1]) == (newest[PAGE:], False)
            assert (await refusal(client, ListJobs(5, before="xyz"))).code == "unknown-job"

    run(main())


def test_of_many_jobs_the_newest_are_kept(tmp_path: Path) -> None:
    async def main() -> None:
        records = [record(f"{n:04x}", 100.0 + n) for n in range(4)]
        async with written(tmp_path, *records, keep_jobs=2) as at, at.client() as client:
            while len((await listed(client))[0]) > 2:
                pass
            assert await listed(client) == (["0003", "0002"], False)

    run(main())


def test_nothing_to_list(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path) as at, at.client() as client:
            assert await listed(client) == ([], False)
            assert await listed(client, state=JobState.RUNNING) == ([], False)

    run(main())


def test_jobs_under_way_are_told_as_they_are_now(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path, record("0a")) as at, at.client() as client:
            one = await accepted(client)
            other = await accepted(client, submission(FILM[::-1], request=2))
            await upload(client, one.job_id, 0, MIB)
            await answer(client, Received)
            now = {it.id: it for it in (await ask(client, ListJobs(1), Jobs)).jobs}
            assert list(now) == [other.job_id, one.job_id, "0a"]
            assert (now[one.job_id].state, now[one.job_id].ended_at) == (JobState.UPLOADING, None)
            assert await listed(client, state=JobState.UPLOADING) == ([other.job_id, one.job_id], False)
            assert await listed(client, state=JobState.UPLOADING, limit=1) == ([other.job_id], True)
            assert await listed(client, state=JobState.UPLOADING, before=other.job_id) == ([one.job_id], False)
            assert await listed(client, state=JobState.UPLOADING, before="0a") == ([], False)
            assert await listed(client, state=JobState.RUNNING) == ([], False)
            assert await listed(client, state=JobState.DONE) == (["0a"], False)

    run(main())


def test_the_longest_page_fits_a_header(tmp_path: Path) -> None:
    long = "\N{GRINNING FACE}" * 2000
    spec = JobSpec(tuple(FilterSpec("grayscale") for _ in range(64)))
    records = [record(f"{n:04x}", name=long, spec=spec) for n in range(PAGE)]

    async def main() -> None:
        async with journal_of(tmp_path) as journal:
            await journal.accept(record("ffff"))
            for n in range(PAGE):
                journal.note_attempt("ffff", attempt(n, worker=long, message=long))
            await journal.end("ffff", DONE)
        failed = Ending(JobState.FAILED, 500.0, "filter", long)
        async with written(tmp_path, *records, ending=failed) as at, at.client() as client:
            assert len((await ask(client, ListJobs(1, before="ffff"), Jobs)).jobs) == PAGE
            assert len((await ask(client, ListAttempts(1, "ffff"), Attempts)).attempts) == PAGE

    run(main())


def test_who_asks_without_reading_is_not_answered_for_ever(tmp_path: Path) -> None:
    records = [record(f"{n:04x}", name="x" * 255) for n in range(PAGE)]
    failed, count = Ending(JobState.FAILED, 500.0, "filter", "x" * 255), 60

    async def main() -> None:
        async with written(tmp_path, *records, ending=failed) as at, at.client() as other, idle(at) as client:
            answer_it, answered = at.coordinator._inquiries.answer, 0

            async def counted(question: Question) -> Message:
                nonlocal answered
                answered += isinstance(question, ListJobs)
                return await answer_it(question)

            at.coordinator._inquiries.answer = counted  # type: ignore[method-assign]
            for _ in range(count):
                await client.send(ListJobs(2))
            for _ in range(count):
                await described(other, "0001")
            assert 0 < answered < count, "the rest waits in the system's own buffers"
            for _ in range(count):
                assert len((await answer(client, Jobs)).jobs) == PAGE

    run(main())


# One job


def test_what_is_told_of_one(tmp_path: Path) -> None:
    code = FilterSpec("custom", {"n": 3}, "def f(frame): return frame", "f")
    spec = JobSpec((code, FilterSpec("blur")), container="mkv")

    async def main() -> None:
        job = record("0abc", spec=spec, detached=True, paths=PATHS)
        async with written(tmp_path, job) as at, at.client() as client:
            told = await described(client, "0abc")
            filters = ("custom", "blur")
            assert told.summary == JobSummary(
                "0abc", JobState.DONE, "in.mp4", filters, "mkv", 100.0, 500.0, 60, 60, len(FILM), 7, True, True
            )
            assert told.job == replace(spec, filters=(replace(code, code=""), FilterSpec("blur")))
            assert (told.sha256, told.result_sha256, told.paths) == (submission().sha256, "1" * 64, PATHS)
            assert told.folder == str(tmp_path / "data" / "jobs" / "0abc")
            finished = await ask(client, Watch("0abc"), Finished)
            assert (finished.state, finished.metrics) == (JobState.DONE, {"frames_out": 60})

    run(main())


def test_parameters_that_do_not_fit_beside_the_rest_are_left_out(tmp_path: Path) -> None:
    spec = JobSpec((FilterSpec("custom", {"text": "x" * 250_000}),))

    async def main() -> None:
        async with written(tmp_path, record("0a", spec=spec)) as at, at.client() as client:
            assert (await described(client, "0a")).job == JobSpec((FilterSpec("custom"),))

    run(main())


def test_the_beginning_of_an_id_is_enough_if_it_is_the_only_one(tmp_path: Path) -> None:
    records = [record(job_id) for job_id in ("abc1", "abc2", "abd1", "ab11", "ab12", "b000")]

    async def main() -> None:
        async with written(tmp_path, *records) as at, at.client() as client:
            assert (await described(client, "b")).summary.id == "b000"
            assert (await described(client, "ABD")).summary.id == "abd1"
            error = await refusal(client, Describe(9, "abc"))
            assert (error.code, error.request) == ("usage", 9)
            assert error.message.startswith("several jobs' ids begin with abc: abc")
            assert ", ..." in (await refusal(client, Describe(9, "a"))).message
            for unknown in ("c", "", "%", "abc11"):
                assert (await refusal(client, Describe(9, unknown))).code == "unknown-job"

    run(main())


def test_attempts_by_pages_and_those_under_way_last(tmp_path: Path) -> None:
    ended = [attempt(n) for n in range(PAGE + 1)]
    going_on = [attempt(90 + n, ended_at=None, outcome=Outcome.RUNNING) for n in range(3)]

    async def main() -> None:
        async with journal_of(tmp_path) as journal:
            await journal.accept(record("0a"))
            for each in ended:
                journal.note_attempt("0a", each)
            await journal.end("0a", DONE)
        async with written(tmp_path) as at, at.client() as client:
            dispatch = at.coordinator._dispatch
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(dispatch, "attempts", lambda job_id: going_on)
                found: Sequence[Attempt] = ()
                for size in (PAGE, 4):
                    page = await ask(client, ListAttempts(1, "0a", len(found)), Attempts)
                    assert (len(page.attempts), page.total) == (size, PAGE + 4)
                    found = [*found, *page.attempts]
                assert found == [*ended, *going_on]
                beyond = await ask(client, ListAttempts(1, "0a", PAGE + 2), Attempts)
                assert beyond.attempts == tuple(going_on[1:])

    run(main())


def test_an_attempt_that_ends_meanwhile_is_counted_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path, record("0a")) as at, at.client() as client:
            going_on = [attempt(1, ended_at=None, outcome=Outcome.RUNNING)]

            def end() -> None:
                if going_on:
                    going_on.clear()
                    at.coordinator._journal.note_attempt("0a", attempt(1))

            def under_way(job_id: str) -> list[Attempt]:
                asyncio.get_running_loop().call_soon(end)
                return list(going_on)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(at.coordinator._dispatch, "attempts", under_way)
                told = [await ask(client, ListAttempts(1, "0a"), Attempts) for _ in range(2)]
            assert [[it.outcome for it in page.attempts] for page in told] == [
                [Outcome.DONE, Outcome.RUNNING], [Outcome.DONE, Outcome.DONE],
            ]  # fmt: skip
            assert [page.total for page in told] == [2, 2]

    run(main())


# Removing


def test_a_job_is_removed_with_its_result(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "jobs" / "0a"

    async def main() -> None:
        async with journal_of(tmp_path) as journal:
            await journal.accept(record("0a"))
            await journal.end("0a", DONE)
            folder.mkdir()
            (folder / "result").write_bytes(b"results")
        async with written(tmp_path) as at, at.client() as client:
            assert (folder / "result").exists()
            assert await ask(client, Remove(3, "0"), Removed) == Removed(3, "0a")
            assert await listed(client) == ([], False)
            await until(lambda: not folder.exists())
            for question in (Watch("0a"), Fetch("0a", 0), Describe(1, "0a"), Remove(1, "0a")):
                assert (await refusal(client, question)).code == "unknown-job"

    run(main())


def test_a_job_that_goes_on_is_not_removed(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path) as at, at.client() as client:
            job = await accepted(client)
            error = await refusal(client, Remove(3, job.job_id))
            assert error.message == f"job {job.job_id} is uploading: cancel it before it is removed"
            await client.send(Cancel(job.job_id))
            await answer(client, Finished)
            await ask(client, Remove(3, job.job_id), Removed)

    run(main())


def test_jobs_of_the_past_are_looked_up_and_not_held(tmp_path: Path) -> None:
    """However many are asked for."""
    names = [f"{n:02x}" for n in range(20)]

    async def main() -> None:
        async with written(tmp_path, *map(record, names)) as at, at.client() as client:
            for name in names:
                assert (await ask(client, Watch(name), Finished)).job_id == name
                await refusal(client, Fetch(name, 0))
            assert at.coordinator._dispatch.jobs == {}
            assert at.coordinator._desk._forgetting == {}

    run(main())


# Running again


async def sent(client: Session, data: bytes = FILM) -> str:
    """A job whose source has come; nobody is there to work on it, or it is no film."""
    job = await accepted(client, submission(data))
    await upload(client, job.job_id, job.offset, len(data), data)
    return job.job_id


async def ended(client: Session, job_id: str) -> Finished:
    while not isinstance(message := (await client.receive()).message, Finished) or message.job_id != job_id:
        pass
    return message


def test_a_job_is_run_again_on_the_film_that_is_here(tmp_path: Path, film: bytes) -> None:
    async def main() -> None:
        async with written(tmp_path) as at, at.client() as client:
            first = await sent(client, film)
            await until(lambda: at.sources == [""])
            await client.send(Cancel(first))
            assert (await ended(client, first)).state is JobState.CANCELLED
            again = await ask(client, Rerun(8, first[:6]), Accepted)
            assert (again.request, again.offset) == (8, len(film))
            assert again.job_id != first
            one, other = await described(client, first), await described(client, again.job_id)
            assert (one.job, one.sha256, one.summary.name) == (other.job, other.sha256, other.summary.name)
            assert not other.summary.detached
            assert at.listeners(again.job_id) == 1, "whoever asks for it hears of it"

    run(main())


def test_a_job_whose_film_is_gone_cannot_be_run_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path, record("0a")) as at, at.client() as client:
            error = await refusal(client, Rerun(8, "0a"))
            assert (error.code, error.request) == ("usage", 8)
            assert error.message == "in.mp4 is no longer here, so job 0a cannot be run again: send the film again"

    run(main())


def test_a_job_whose_filter_s_file_is_gone_cannot_be_run_again(tmp_path: Path) -> None:
    spec = JobSpec((FilterSpec("lut", {"file": "7" * 64}),), files={"7" * 64: 10})

    async def main() -> None:
        async with written(tmp_path, record("0a", spec=spec)) as at, at.client() as client:
            (tmp_path / "data" / "sources" / submission().sha256).write_bytes(FILM)
            error = await refusal(client, Rerun(8, "0a"))
            assert error.message.startswith("a file that a filter names is no longer here, so job 0a cannot")

    run(main())


def test_what_was_asked_for_must_be_known(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path, record("0a", spec=JobSpec(()))) as at, at.client() as client:
            (tmp_path / "data" / "sources" / submission().sha256).write_bytes(FILM)
            error = await refusal(client, Rerun(8, "0a"))
            assert (error.code, error.message[:46]) == ("storage", "what was asked for cannot be read any more, so")

    run(main())


def test_a_film_that_was_damaged_here_is_not_taken_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with written(tmp_path, record("0a")) as at, at.client() as client:
            (tmp_path / "data" / "sources" / submission().sha256).write_bytes(FILM[::-1])
            error = await refusal(client, Rerun(8, "0a"))
            assert error.message.startswith("what was held of in.mp4 is damaged, so job 0a cannot be run again")
            cancelled = [it for it in at.coordinator._dispatch.jobs.values() if it.error is not None]
            assert len(cancelled) == 1

    run(main())


# Leaving


def test_a_detached_job_needs_nobody_once_its_film_is_here(tmp_path: Path, film: bytes) -> None:
    async def main() -> None:
        async with written(tmp_path, client_patience=0.01) as at:
            async with at.client() as client:
                job = await accepted(client, submission(film, detached=True))
                await upload(client, job.job_id, 0, len(film), film)
                await until(lambda: at.sources == [""])
            async with at.client() as client:
                other = await accepted(client, submission(film))
            await until(lambda: at.coordinator._desk.find(other.job_id).finished)
            async with at.client() as client:
                assert (await described(client, other.job_id)).summary.state is JobState.CANCELLED
                assert not (await described(client, job.job_id)).summary.state.final

    run(main())


def test_a_detached_job_whose_film_never_comes_is_given_up(tmp_path: Path, film: bytes) -> None:
    async def main() -> None:
        async with written(tmp_path, client_patience=0.01) as at:
            async with at.client() as client:
                job = await accepted(client, submission(film, detached=True))
            async with at.client() as client:
                found = await ask(client, ListJobs(1), Jobs)
                assert [it.id for it in found.jobs] == [job.job_id]
                await until(lambda: at.coordinator._desk.find(job.job_id).finished)
                assert (await described(client, job.job_id)).summary.state is JobState.CANCELLED

    run(main())
