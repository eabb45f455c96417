"""Asking a coordinator about its jobs, and leaving one there: against coordinators that follow a script."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.client.scripted import MIB, Connection, done, run, scripted
from tests.protocol.examples import ATTEMPT, SUMMARY
from vidproc.client import films, jobs, remote
from vidproc.client.endpoint import Endpoint
from vidproc.client.head_start import submission
from vidproc.client.held import HeldJob
from vidproc.client.news import Downloading, Listener, News, Reconnecting, SubmittedAgain, Uploading
from vidproc.errors import ClientError, FilterError, MediaError, PeerError, UnknownJobError
from vidproc.model import FilterSpec, JobSpec, JobState, Paths
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
from vidproc.protocol.messages import Accepted, Cancel, Error, Fetch, Fetched, Finished, Progress, Received, Watch

pytestmark = pytest.mark.process
JOB = JobSpec((FilterSpec("blur"),))
RESULT = os.urandom(2 * MIB + 5)
RUNNING = Progress("j", JobState.RUNNING, 5, 10, 2.0)


def hear_nothing(_: News) -> None:
    pass


# Questions


def test_a_list_is_asked_for_page_by_page(tmp_path: Path) -> None:
    newest = [replace(SUMMARY, id=f"{n}") for n in range(PAGE + 3)]

    async def part(connection: Connection) -> None:
        assert await connection.expect(ListJobs) == ListJobs(1, PAGE, JobState.DONE, "x")
        await connection.say(Jobs(1, tuple(newest[:PAGE]), True))
        assert await connection.expect(ListJobs) == ListJobs(1, 10, JobState.DONE, str(PAGE - 1))
        await connection.say(Jobs(1, tuple(newest[PAGE:]), False))

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            assert await jobs.listed(at, PAGE + 10, JobState.DONE, "x") == newest

    run(main())


def test_no_more_are_asked_for_than_are_wanted(tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        assert (await connection.expect(ListJobs)).limit == 2
        await connection.say(Jobs(1, (SUMMARY, SUMMARY), True))

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            assert await jobs.listed(at, 2) == [SUMMARY, SUMMARY]

    run(main())


def test_a_coordinator_that_always_has_more_of_nothing_is_not_asked_for_ever(tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.expect(ListJobs)
        await connection.say(Jobs(1, (), True))

    async def attempts(connection: Connection) -> None:
        await connection.expect(ListAttempts)
        await connection.say(Attempts(1, (), 99))

    async def main() -> None:
        async with scripted(tmp_path, part, attempts) as at:
            assert await jobs.listed(at, 5) == []
            assert await jobs.attempts(at, "j") == []

    run(main())


def test_attempts_are_asked_for_page_by_page(tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        for offset, count in ((0, 2), (2, 1)):
            assert await connection.expect(ListAttempts) == ListAttempts(1, "j", offset)
            await connection.say(Attempts(1, (ATTEMPT,) * count, 3))

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            assert await jobs.attempts(at, "j") == [ATTEMPT] * 3

    run(main())


def test_one_question_one_answer(tmp_path: Path) -> None:
    told = Description(1, SUMMARY, JOB, "0" * 64, "", Paths(), "/folder")

    async def described(connection: Connection) -> None:
        assert await connection.expect(Describe) == Describe(1, "j")
        await connection.say(told)

    async def again(connection: Connection) -> None:
        assert await connection.expect(Rerun) == Rerun(1, "j", True)
        await connection.say(Accepted(1, "new", 5))

    async def removed(connection: Connection) -> None:
        assert await connection.expect(Remove) == Remove(1, "j")
        await connection.say(Removed(1, "jay"))

    async def cancelled(connection: Connection) -> None:
        assert await connection.expect(Cancel) == Cancel("j")
        assert await connection.expect(Watch) == Watch("j")
        await connection.say(RUNNING, Finished("j", JobState.CANCELLED, 0, "", {}, "cancelled", "it was"))

    async def main() -> None:
        async with scripted(tmp_path, described, again, removed, cancelled) as at:
            assert await jobs.described(at, "j") == told
            assert await jobs.rerun(at, "j", detached=True) == "new"
            assert await jobs.remove(at, "j") == "jay"
            assert await jobs.cancel(at, "j") is JobState.CANCELLED

    run(main())


def test_refusals_and_nonsense(tmp_path: Path) -> None:
    async def refused(connection: Connection) -> None:
        await connection.expect(Describe)
        await connection.say(Error("unknown-job", "there is none", "client", "j", 1))

    async def nonsense(connection: Connection) -> None:
        await connection.expect(Describe)
        await connection.say(Removed(1, "j"))

    async def main() -> None:
        async with scripted(tmp_path, refused, nonsense) as at:
            with pytest.raises(UnknownJobError, match="there is none"):
                await jobs.described(at, "j")
            with pytest.raises(PeerError, match="answered describe with removed"):
                await jobs.described(at, "j")

    run(main())


# A job that is held there


def fetching(at: Endpoint, owned: bool = False) -> HeldJob:
    return HeldJob(at, "j", "in.mp4", hear_nothing, owned)


def test_a_result_is_fetched_over_several_connections(tmp_path: Path) -> None:
    out = io.BytesIO()
    news: list[News] = []

    async def first(connection: Connection) -> None:
        assert await connection.expect(Watch) == Watch("j")
        await connection.say(RUNNING)
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(done(RESULT))
        await connection.give(RESULT, stop=MIB)
        await connection.hang_up()

    async def third(connection: Connection) -> None:
        assert await connection.give(RESULT) == MIB, "it is neither watched again nor fetched from the start"
        assert await connection.expect(Fetched) == Fetched("j"), "somebody has it"

    async def main() -> None:
        async with scripted(tmp_path, first, second, third) as at:
            held = HeldJob(at, "j", "in.mp4", news.append)
            assert await held.run(lambda size: out) == {"frames_out": 1}

    run(main())
    assert out.getvalue() == RESULT
    assert RUNNING in news
    assert sum(isinstance(it, Reconnecting) for it in news) == 2
    assert news[-1] == Downloading(len(RESULT), len(RESULT))


def test_only_one_s_own_is_cancelled_when_it_is_given_up(tmp_path: Path) -> None:
    running = asyncio.Event()

    async def one_s_own(connection: Connection) -> None:
        await connection.expect(Watch)
        running.set()
        assert await connection.expect(Cancel) == Cancel("j")

    async def another(connection: Connection) -> None:
        await connection.expect(Watch)
        running.set()
        with pytest.raises(PeerError):
            await connection.expect(Cancel)

    async def main() -> None:
        async with scripted(tmp_path, one_s_own, another) as at:
            for owned in (True, False):
                running.clear()
                task = asyncio.create_task(fetching(at, owned).run(lambda size: io.BytesIO()))
                await running.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    run(main())


def test_a_job_that_failed_and_one_that_is_gone(tmp_path: Path) -> None:
    async def failed(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(Finished("j", JobState.FAILED, 0, "", {}, "filter", "it raised"))

    async def gone(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(Error("unknown-job", "there is none", "client", "j"))

    async def removed(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(done(RESULT))
        await connection.expect(Fetch)
        await connection.say(Error("usage", "the result was removed", "client", "j"))

    async def main() -> None:
        async with scripted(tmp_path, failed, gone, removed) as at:
            with pytest.raises(FilterError, match=r"in\.mp4: it raised"):
                await fetching(at).run(lambda size: io.BytesIO())
            with pytest.raises(UnknownJobError, match=r"there is none\. Submit it again, with vidproc-send: "):
                await fetching(at).watch()
            with pytest.raises(ClientError, match="the result was removed"):
                await fetching(at).run(lambda size: io.BytesIO())

    run(main())


# A job that is left there


@pytest.fixture
def source(tmp_path: Path) -> films.Source:
    (tmp_path / "in.mp4").write_bytes(os.urandom(2 * MIB + 1))
    return films.source_of(str(tmp_path / "in.mp4"))


def leaving(at: Endpoint, source: films.Source, tell: Listener = hear_nothing) -> remote.RemoteJob:
    return remote.RemoteJob(at, submission(JOB, source, detached=True), {}, source, tell)


def test_a_job_is_left_when_its_film_is_there_and_not_before(source: films.Source, tmp_path: Path) -> None:
    news: list[News] = []

    async def first(connection: Connection) -> None:
        submit = await connection.accept()
        assert submit.detached
        await connection.take(2)
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        assert await connection.expect(Watch) == Watch("j")
        await connection.say(Received("j", 2 * MIB))
        await connection.take(1)
        await connection.say(Progress("j", JobState.UPLOADING, 3, 10, 2.0), RUNNING)
        with pytest.raises(PeerError):
            await connection.expect(Cancel)

    async def main() -> None:
        async with scripted(tmp_path, first, second) as at:
            handing = remote.RemoteJob(at, submission(JOB, source, detached=True), {}, source, news.append)
            assert await handing.hand_over() == "j"

    run(main())
    assert [it.sent for it in news if isinstance(it, Uploading)] == [MIB, 2 * MIB, 2 * MIB, source.size]


def test_what_is_over_by_then(source: films.Source, tmp_path: Path) -> None:
    async def ended(connection: Connection) -> None:
        await connection.accept(offset=source.size)
        await connection.say(done(RESULT))

    async def failed(connection: Connection) -> None:
        await connection.accept()
        await connection.say(Finished("j", JobState.FAILED, 0, "", {}, "media", "it is no video"))
        await connection.hear(Cancel)

    async def main() -> None:
        async with scripted(tmp_path, ended, failed) as at:
            assert await leaving(at, source).hand_over() == "j"
            with pytest.raises(MediaError, match=r"in\.mp4: it is no video"):
                await leaving(at, source).hand_over()

    run(main())


def test_a_coordinator_that_has_lost_it_is_given_it_again(source: films.Source, tmp_path: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept("first")
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(Error("unknown-job", "no such job", "client", "first"))
        await connection.accept("second", offset=source.size)
        await connection.say(replace(RUNNING, job_id="second"))

    async def main() -> None:
        async with scripted(tmp_path, first, second) as at:
            assert await leaving(at, source, heard.append).hand_over() == "second"

    heard: list[News] = []
    run(main())
    assert SubmittedAgain("no such job") in heard
