"""The client against a coordinator that follows a script: what it sends, when it goes on, when it gives up."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.scripted import MIB, Connection, Part, done, run, scripted
from vidproc.client import films, lasting, remote
from vidproc.client.endpoint import Endpoint
from vidproc.client.head_start import submission
from vidproc.client.news import Downloading, News, Reconnecting, SubmittedAgain, Uploading
from vidproc.errors import (
    BadParameterError,
    CancelledError,
    ClientError,
    FilterError,
    PeerError,
    StorageError,
    UnreachableError,
    VidprocError,
)
from vidproc.model import FilterSpec, JobSpec, JobState
from vidproc.protocol.messages import (
    Accepted,
    Cancel,
    DownloadBlock,
    Error,
    Fetch,
    Fetched,
    Finished,
    Progress,
    Received,
    Submit,
    UploadBlock,
    Wanted,
    Watch,
)
from vidproc.transport.address import Address

pytestmark = pytest.mark.process
JOB = JobSpec((FilterSpec("blur"),))
FILM = os.urandom(3 * MIB + 7)
RESULT = os.urandom(2 * MIB + 5)


def test_an_endpoint_does_not_show_its_token() -> None:
    endpoint = Endpoint(Address.tcp("::1", 9090), b"correct horse battery staple")
    assert repr(endpoint) == "Endpoint('tcp://[::1]:9090')"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "in.mp4"
    path.write_bytes(FILM)
    return path


async def processed(at: Endpoint, film: Path, tell: Callable[[News], None] = lambda _: None) -> dict[str, Any]:
    return await remote.process(at, JOB, str(film), str(film.with_name("out.mp4")), overwrite=False, tell=tell)


def sent(film: Path, *parts: Part, tell: Callable[[News], None] = lambda _: None) -> dict[str, Any]:
    """What the client gives when the coordinator plays these parts, one for each connection."""

    async def main() -> dict[str, Any]:
        async with scripted(film.parent, *parts) as at:
            doing = asyncio.ensure_future(processed(at, film, tell))
            await asyncio.wait({doing})
        return doing.result()

    return run(main())


def result_of(film: Path) -> bytes:
    return film.with_name("out.mp4").read_bytes()


def test_a_whole_job(film: Path) -> None:
    news: list[News] = []

    async def part(connection: Connection) -> None:
        submit = await connection.accept()
        assert (submit.job, submit.name, submit.size) == (JOB, "in.mp4", len(FILM))
        assert submit.sha256 == hashlib.sha256(FILM).hexdigest()
        assert await connection.take(4) == [0, MIB, 2 * MIB, 3 * MIB]
        await connection.say(Progress("j", JobState.RUNNING, 5, 10, 2.0), done(RESULT))
        assert await connection.give(RESULT) == 0
        assert await connection.expect(Fetched) == Fetched("j"), "the coordinator may forget it"

    assert sent(film, part, tell=news.append) == {"frames_out": 1}
    assert result_of(film) == RESULT
    assert news[0] == Uploading(MIB, len(FILM))
    assert Progress("j", JobState.RUNNING, 5, 10, 2.0) in news
    assert news[-1] == Downloading(len(RESULT), len(RESULT))


def test_frames_that_are_done_during_the_upload_are_told_of_with_it(film: Path) -> None:
    news: list[News] = []

    async def part(connection: Connection) -> None:
        await connection.accept()
        await connection.take(1)
        await connection.say(Progress("j", JobState.UPLOADING, 7, 10, 2.0))
        await connection.take(3)
        await connection.say(done(RESULT))
        await connection.give(RESULT)

    sent(film, part, tell=news.append)
    assert news[:2] == [Uploading(MIB, len(FILM)), Uploading(2 * MIB, len(FILM), 7)]


def test_a_job_that_fails_while_its_film_is_sent(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept()
        await connection.take(1)
        await connection.say(Finished("j", JobState.FAILED, 0, "", {}, "media", "it is no video"))

    with pytest.raises(VidprocError, match=r"in\.mp4: it is no video"):
        sent(film, part)


def test_a_job_of_a_film_that_another_has_submitted_meanwhile_is_submitted_again(film: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept("first")
        await connection.take(1, "first")
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(Finished("first", JobState.FAILED, 0, "", {}, "unknown-job", "submitted anew"))
        await connection.accept("second", offset=len(FILM))
        await connection.say(done(RESULT, "second"))
        await connection.give(RESULT, job_id="second")

    sent(film, first, second)
    assert result_of(film) == RESULT


def test_what_the_coordinator_has_is_not_sent(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept(offset=2 * MIB)
        assert await connection.take(2) == [2 * MIB, 3 * MIB]
        await connection.say(done(RESULT))
        await connection.give(RESULT)

    sent(film, part)


def test_an_answer_that_does_not_move_on_asks_to_go_back(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept()
        for _ in range(4):
            await connection.expect(UploadBlock)
        await connection.say(Received("j", MIB), Received("j", MIB))
        assert await connection.take(3) == [MIB, 2 * MIB, 3 * MIB]
        await connection.say(done(RESULT))
        await connection.give(RESULT)

    sent(film, part)


def test_what_is_wanted_out_of_its_turn_goes_first(film: Path) -> None:
    async def part(connection: Connection) -> None:
        submit = await connection.accept(offset=3 * MIB)
        assert await connection.take(1) == [3 * MIB]
        await connection.say(Wanted("j", 3, MIB + 1), Wanted("j", 10, 2 * len(FILM)))
        wanted = bytearray()
        while len(wanted) < MIB + 1 + submit.size - 10:
            await connection.expect(UploadBlock)
            wanted += connection.payload
        assert wanted == FILM[3 : MIB + 4] + FILM[10:]
        await connection.say(Received("j", 2 * MIB))
        assert await connection.take(2) == [2 * MIB, 3 * MIB]
        await connection.say(done(RESULT))
        await connection.give(RESULT)

    sent(film, part)


def test_the_upload_goes_on_where_the_coordinator_says(film: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept()
        await connection.take(2)
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        assert await connection.expect(Watch) == Watch("j")
        await connection.say(Received("j", MIB))
        assert await connection.take(3) == [MIB, 2 * MIB, 3 * MIB]
        await connection.say(done(RESULT))
        await connection.give(RESULT)

    news: list[News] = []

    sent(film, first, second, tell=news.append)
    assert sum(isinstance(it, Reconnecting) for it in news) == 1


def test_a_job_that_the_coordinator_lost_is_submitted_again(film: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept("first")
        await connection.take(4, "first")
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        assert await connection.expect(Watch) == Watch("first")
        await connection.say(Error("unknown-job", "no such job", "client", "first"))
        submit = await connection.accept("second", offset=len(FILM))
        assert submit.size == len(FILM)
        await connection.say(done(RESULT, "second"))
        await connection.give(RESULT, job_id="second")
        assert await connection.expect(Fetched) == Fetched("second")

    heard: list[News] = []
    sent(film, first, second, tell=heard.append)
    assert result_of(film) == RESULT
    assert SubmittedAgain("no such job") in heard


def test_each_break_is_met_with_new_patience(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the job got nowhere between two of them, as one may that takes hours."""
    seen: list[object] = []

    async def wait(self: lasting.Patience, progress: object, error: VidprocError) -> None:
        seen.append(progress)

    async def first(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(Progress("j", JobState.RUNNING, 5, 10, 2.0))
        await connection.hang_up()

    async def again(connection: Connection) -> None:
        assert await connection.expect(Watch) == Watch("j")
        await connection.say(Progress("j", JobState.RUNNING, 5, 10, 2.0))
        await connection.hang_up()

    async def last(connection: Connection) -> None:
        await connection.expect(Watch)
        await connection.say(done(RESULT))
        await connection.give(RESULT)
        await connection.expect(Fetched)

    monkeypatch.setattr(lasting.Patience, "wait", wait)
    sent(film, first, again, again, last)
    assert len(seen) == len(set(seen)) == 3


def test_a_download_goes_on_where_it_broke(film: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(done(RESULT))
        await connection.give(RESULT, stop=2 * MIB)
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        assert await connection.give(RESULT) == 2 * MIB

    sent(film, first, second)
    assert result_of(film) == RESULT


def test_a_download_goes_on_even_if_the_job_had_to_be_run_again(film: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(done(RESULT))
        await connection.give(RESULT, stop=MIB)
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        await connection.expect(Fetch)
        await connection.say(Error("unknown-job", "no such job", "client", "j"))
        await connection.accept("again", offset=len(FILM))
        await connection.say(done(RESULT, "again"))
        assert await connection.give(RESULT, job_id="again") == MIB

    sent(film, first, second)
    assert result_of(film) == RESULT


def test_a_damaged_block_of_the_result_is_fetched_again(film: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(done(RESULT))
        await connection.expect(Fetch)
        await connection.session.send(DownloadBlock("j", 0, 1), RESULT[:MIB])

    async def second(connection: Connection) -> None:
        assert await connection.give(RESULT) == 0

    sent(film, first, second)
    assert result_of(film) == RESULT


def test_another_result_than_was_announced_is_not_kept(film: Path, tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(done(RESULT))
        await connection.give(RESULT[::-1])
        assert await connection.expect(Cancel) == Cancel("j")

    with pytest.raises(VidprocError, match="does not match its SHA-256"):
        sent(film, part)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("code", "kind"), [("bad-parameter", BadParameterError), ("storage", StorageError), ("new-one", VidprocError)]
)
def test_a_refusal_is_the_client_s_error(film: Path, code: str, kind: type[VidprocError]) -> None:
    async def part(connection: Connection) -> None:
        await connection.expect(Submit)
        await connection.say(Error(code, "it is wrong", "client", request=1))

    with pytest.raises(kind, match="it is wrong"):
        sent(film, part)


def test_a_job_that_failed_is_told_by_its_film_s_name(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(Finished("j", JobState.FAILED, 0, "", {}, "filter", "frame 3 failed"))

    with pytest.raises(FilterError, match=r"^in\.mp4: frame 3 failed$"):
        sent(film, part)


def test_an_upload_that_is_refused_at_its_end_is_not_tried_again(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept()
        await connection.take(4)
        await connection.say(Error("usage", "the bytes do not match", "client", "j"))

    with pytest.raises(ClientError, match="do not match"):
        sent(film, part)


def test_a_film_that_shrinks_while_it_is_sent(film: Path, tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept()
        await connection.hear(Cancel)

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            source = films.source_of(str(film))
            os.truncate(film, MIB)
            job = remote.RemoteJob(at, submission(JOB, source), {}, source, lambda _: None)
            with pytest.raises(ClientError, match=r"in\.mp4 grew shorter"):
                await job.run(lambda _: io.BytesIO())

    run(main())


def test_cancelling_tells_the_coordinator(film: Path, tmp_path: Path) -> None:
    running = asyncio.Event()

    async def part(connection: Connection) -> None:
        await connection.accept()
        await connection.take(1)
        running.set()
        assert await connection.hear(Cancel) == Cancel("j")

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            task = asyncio.create_task(processed(at, film))
            await running.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_what_fails_here_is_cancelled_there(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(done(RESULT))
        assert await connection.expect(Cancel) == Cancel("j")

    def full(out: str, size: int) -> None:
        raise StorageError(f"{out}: too little disk for {size}")

    monkeypatch.setattr(films, "demand_room", full)

    with pytest.raises(StorageError, match=f"too little disk for {len(RESULT)}"):
        sent(film, part)


def test_a_cancelled_job_s_client_is_told_so(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.accept(offset=len(FILM))
        await connection.say(Finished("j", JobState.CANCELLED, 0, "", {}, "cancelled", "the job was cancelled"))

    with pytest.raises(CancelledError):
        sent(film, part)


def test_nonsense_is_not_tried_again(film: Path) -> None:
    async def part(connection: Connection) -> None:
        await connection.expect(Submit)
        await connection.say(Received("j", 0))

    with pytest.raises(PeerError, match="answered a submission with received"):
        sent(film, part)


def test_a_coordinator_that_does_not_come_back(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lasting, "_PATIENCE_S", 0.2)

    reached = asyncio.Event()

    async def part(connection: Connection) -> None:
        await connection.accept()
        reached.set()

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            task = asyncio.create_task(processed(at, film))
            await reached.wait()
        with pytest.raises(UnreachableError, match="no coordinator answers"):
            await task

    run(main())


def test_no_coordinator_at_all_is_not_waited_for(film: Path, tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(UnreachableError, match="no coordinator answers"):
            await processed(Endpoint(Address.unix(tmp_path / "none")), film)

    run(main())


def test_a_dry_run(film: Path, tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        submit = await connection.expect(Submit)
        assert submit.dry_run
        await connection.say(Accepted(submit.request, "", 0, ("It is long.", "It is wide.")))

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            said = await remote.dry_run(at, JOB, str(film))
        assert said.startswith("in.mp4: the coordinator at unix://")
        assert said.endswith("would take this job (3.1 MB). It is long. It is wide.")

    run(main())
