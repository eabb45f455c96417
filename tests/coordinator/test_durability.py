"""What is said was written down before; what was written down outlives the coordinator, for as long as was asked."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.coordinator.durable import House
from tests.coordinator.jobs import LIMIT_S, report, run, until
from tests.coordinator.talk import answer, refusal
from tests.media import clips
from vidproc.coordinator import desk, endings, recovery, server
from vidproc.coordinator.media import MediaProcesses
from vidproc.coordinator.source import Source
from vidproc.errors import ClientError, StorageError, VidprocError
from vidproc.model import FilterSpec, JobSpec, JobState, Outcome
from vidproc.protocol.messages import (
    Accepted,
    Cancel,
    Committed,
    DownloadBlock,
    Error,
    Fetch,
    Fetched,
    Finished,
    Message,
    Progress,
    Received,
    Submit,
    UploadBlock,
    Watch,
)
from vidproc.storage.job_folder import JobFolder
from vidproc.storage.journal import Ending, JobRecord, KeptChunk, Then, Unfinished
from vidproc.storage.spool import Spool
from vidproc.storage.sql_history import SqlHistory
from vidproc.storage.sql_journal import SqlJournal
from vidproc.storage.upload import Upload
from vidproc.transport.server import Server
from vidproc.transport.session import Session

pytestmark = pytest.mark.process
JOB = JobSpec((FilterSpec("flip"),))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.make("constant rate", tmp_path_factory.mktemp("films"))


class Telling(SqlJournal):
    """Says when something has been written; `written` in the order of the commits."""

    def __init__(self, journal: SqlJournal, order: list[str]) -> None:
        super().__init__(journal.database)
        self._order = order

    async def accept(self, job: JobRecord) -> None:
        await super().accept(job)
        self._order.append("job written")

    def keep_chunk(self, job_id: str, chunk: KeptChunk, then: Then) -> None:
        def told(error: Any) -> None:
            self._order.append("chunk written")
            then(error)

        super().keep_chunk(job_id, chunk, told)

    async def end(self, job_id: str, ending: Ending) -> None:
        await super().end(job_id, ending)
        self._order.append("end written")


def note(monkeypatch: pytest.MonkeyPatch, order: list[str], owner: type, method: str, word: str) -> None:
    """Have a method leave a word when it has done its work; a message says it when it is packed."""
    original: Callable[..., Any] = getattr(owner, method)

    def noted(self: Any, *given: Any) -> Any:
        done = original(self, *given)
        order.append(word)
        return done

    monkeypatch.setattr(owner, method, noted)


def test_what_is_said_was_written_down_and_synced_before(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for message in (Accepted, Committed, Finished):
        note(monkeypatch, order, message, "to_header", message.__name__)
    note(monkeypatch, order, JobFolder, "sync", "folder synced")
    note(monkeypatch, order, JobFolder, "sync_result", "result synced")
    note(monkeypatch, order, Upload, "finish", "source synced")

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(Telling(house.journal(), order)), house.daemon():
            await house.film(film, tmp_path / "out.mp4", JOB)

    run(main())
    places = {word: [n for n, each in enumerate(order) if each == word] for word in order}
    assert places["folder synced"] < places["job written"] < places["Accepted"]
    assert len(places["chunk written"]) == len(places["Committed"]) == 5
    assert all(map(int.__lt__, places["chunk written"], places["Committed"]))
    assert places["source synced"] + places["result synced"] < places["end written"] < places["Finished"]


def test_a_finished_result_is_fetched_from_another_coordinator(film: Path, tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon():
            figures = await house.film(film, tmp_path / "out.mp4", JOB)
        job, whole = figures["job_id"], (tmp_path / "out.mp4").read_bytes()
        async with house.open(), house.client() as client:
            await client.send(Watch(job))
            finished = await answer(client, Finished)
            assert (finished.state, finished.sha256) == (JobState.DONE, hashlib.sha256(whole).hexdigest())
            assert finished.metrics == figures
            await client.send(Fetch(job, 1000))
            message, payload, _ = await client.receive()
            assert isinstance(message, DownloadBlock)
            assert bytes(payload) == whole[1000:]
            os.truncate(house.data / "jobs" / job / "result", 1000)
            assert "shorter than it was; run the job again" in await last_refusal(client, Fetch(job, 0))
            (house.data / "jobs" / job / "result").unlink()
            assert "is no longer here" in (await refusal(client, Fetch(job, 0))).message

    run(main())


def test_a_job_that_failed_is_known_to_another_coordinator(tmp_path: Path) -> None:
    data = b"no film" * 100

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.client() as client:
            job = await submitted(client, data)
            await send(client, job, data)
            await answer(client, Received)
            first = await answer(client, Finished)
            assert first.state is JobState.FAILED
        async with house.open(), house.client() as client:
            await client.send(Watch(job))
            assert await answer(client, Finished) == first
            assert "no result to fetch: it is failed" in (await refusal(client, Fetch(job, 0))).message
            assert "there is no job 0123" in (await refusal(client, Watch("0123"))).message

    run(main())


async def submitted(client: Any, data: bytes, detached: bool = False) -> str:
    await client.send(Submit(1, JOB, len(data), hashlib.sha256(data).hexdigest(), "in.mp4", detached=detached))
    return (await answer(client, Accepted)).job_id


async def send(client: Any, job: str, data: bytes, offset: int = 0) -> None:
    await client.send(UploadBlock(job, offset, zlib.crc32(data[offset:])), data[offset:])


async def handed_over(house: House, data: bytes) -> str:
    """A job whose film is there, and whose coordinator has stopped since."""
    async with house.open(), house.client() as client:
        job = await submitted(client, data)
        await send(client, job, data)
        assert (await answer(client, Received)).offset == len(data)
    return job


def test_jobs_are_left_to_the_next_coordinator_and_their_uploads_go_on(film: Path, tmp_path: Path) -> None:
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.client() as client:
            job = await submitted(client, data)
            await send(client, job, data[:5000])
            assert (await answer(client, Received)).offset == 5000
        for _ in range(2):
            async with house.open(), house.client() as client:
                await client.send(Watch(job))
                assert (await answer(client, Received)).offset == 5000
        async with house.open(), house.daemon(), house.client() as client:
            await client.send(Watch(job))
            await answer(client, Received)
            await send(client, job, data, 5000)
            assert (await answer(client, Received)).offset == len(data)
            finished = await answer(client, Finished)
            assert finished.state is JobState.DONE
            assert finished.metrics["restarts"]["total"] == 3

    run(main())


@pytest.mark.parametrize("damage", ["gone", "altered"])
def test_a_job_whose_film_was_lost_on_disk_fails_so_that_its_client_gives_it_again(
    film: Path, tmp_path: Path, damage: str
) -> None:
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        job = await handed_over(house, data)
        source = house.data / "jobs" / job / "source"
        source.write_bytes(b"!" + data[1:])
        if damage == "gone":
            source.unlink()
        async with house.open(), house.client() as client:
            await client.send(Watch(job))
            message = (await client.receive()).message
            while not isinstance(message, Finished):
                message = (await client.receive()).message
            assert (message.state, message.code) == (JobState.FAILED, "unknown-job")
            assert "send it again" in message.message
        assert not source.parent.exists()

    run(main())


def test_a_job_that_nobody_comes_back_for_ends(film: Path, tmp_path: Path) -> None:
    """Its client has the same patience from the restart on; a job that is detached needs none."""
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        job = await handed_over(house, data)
        async with house.open(client_patience=0.2) as coordinator:
            await until(lambda: job not in coordinator._desk._tasks)
        async with house.open(), house.client() as client:
            await client.send(Watch(job))
            assert (await answer(client, Finished)).state is JobState.CANCELLED

    run(main())


def test_while_a_coordinator_looks_at_what_it_holds_nobody_s_patience_ends(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large film takes longer to hash than a client may stay away, and a detached job has no client."""
    data, go_on, opened = film.read_bytes(), threading.Event(), Upload.open

    def slowly(upload: Upload) -> None:
        go_on.wait(LIMIT_S)
        opened(upload)

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.client() as client:
            job_id = await submitted(client, data, detached=True)
            await send(client, job_id, data)
            await answer(client, Received)
        monkeypatch.setattr(Upload, "open", slowly)
        monkeypatch.setattr(desk, "_PROGRESS_EVERY_S", 0.001)
        async with house.open(client_patience=0.01) as coordinator:
            job = coordinator._desk.find(job_id)
            await until(lambda: job.queue_looks > 50 or job.error)
            assert job.error is None
            go_on.set()
            await until(lambda: job.source.whole)
            assert job.error is None

    run(main())


def test_two_coordinators_cannot_have_one_folder(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        async with house.open():
            with pytest.raises(ClientError, match="another coordinator is using this folder"):
                async with house.open():
                    pass

    run(main())


def test_what_is_in_hand_for_too_long_when_a_coordinator_is_stopped_is_told_of_as_lost(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_DRAIN_S", 0.0)

    async def main() -> None:
        house = House(tmp_path)
        async with house.daemon():
            async with house.open() as coordinator:
                sending = asyncio.create_task(house.film(film, tmp_path / "out.mp4", JOB))
                await until(lambda: bool(coordinator._dispatch._leases))
                (job_id,) = coordinator._dispatch.jobs
            sending.cancel()
            await asyncio.wait({sending})
        journal = house.journal()
        await journal.open("")
        attempts, _ = await SqlHistory(journal.database, "", lambda: None).attempts(job_id, 0, 50)
        await journal.close()
        assert Outcome.LOST in {it.outcome for it in attempts}

    run(main())


def test_results_are_removed_when_they_are_old(film: Path, tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon():
            job = (await house.film(film, tmp_path / "out.mp4", JOB))["job_id"]
            assert house.results() == [job]
        async with house.open(), house.client() as client:
            assert house.results() == [job]
        async with house.open(keep=0.001), house.client() as client:
            await until(lambda: house.results() == [])
            assert "there is no job" in (await refusal(client, Watch(job))).message

    run(main())


def test_too_many_results_make_room_for_newer_ones(film: Path, tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon():
            jobs = [(await house.film(film, tmp_path / f"{n}.mp4", JOB))["job_id"] for n in range(3)]
        size = (tmp_path / "0.mp4").stat().st_size
        async with house.open(spool_limit=2 * size), house.client() as client:
            await until(lambda: house.results() == sorted(jobs[1:]))
            await client.send(Watch(jobs[0]))
            assert (await answer(client, Finished)).state is JobState.DONE, "what is known of it stays"

    run(main())


def test_a_result_is_fetched_when_its_client_says_so(film: Path, tmp_path: Path) -> None:
    """Who cancels a job just as it ends does not have it."""
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        journal = house.journal()
        async with house.open(journal), house.daemon(), house.client() as client:
            job = await submitted(client, data)
            await send(client, job, data)
            await answer(client, Received)
            done = await answer(client, Finished)
            for message in (Cancel(job), Watch(job)):
                await client.send(message)
            assert await answer(client, Finished) == done
            assert await journal.make_room(1) == []
            await client.send(Fetched(job))
            while not await journal.make_room(1):
                pass

    run(main())


def test_results_that_somebody_has_make_room_for_a_job(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, usage = House(tmp_path), shutil.disk_usage(tmp_path)
    full = usage._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda at: full if at == house.data and house.results() else usage)

    async def main() -> None:
        async with house.open(), house.daemon():
            await house.film(film, tmp_path / "out.mp4", JOB)
            assert len(house.results()) == 1
            await house.film(film, tmp_path / "again.mp4", JOB)
            assert len(house.results()) == 1

    run(main())


def test_a_dry_run_counts_on_what_can_be_removed_and_removes_nothing(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, usage, size = House(tmp_path), shutil.disk_usage(tmp_path), film.stat().st_size
    missing = 0

    def lacking(_: object) -> Any:
        return usage._replace(free=3 * size + 64 * 2**20 - missing)

    asked = Submit(1, JOB, size, hashlib.sha256(film.read_bytes()).hexdigest(), "in.mp4", dry_run=True)

    async def main() -> None:
        nonlocal missing
        async with house.open(journal := house.journal()), house.daemon(), house.client() as client:
            await house.film(film, tmp_path / "out.mp4", JOB)
            while not (result := await journal.room_to_make()):
                pass
            (old := house.data / "sources" / ("a" * 64)).write_bytes(bytes(1000))
            monkeypatch.setattr(shutil, "disk_usage", lacking)
            missing = 1000 + result
            await client.send(asked)
            assert await answer(client, Accepted) == Accepted(1, "", 0)
            missing += 1
            assert "too little disk at the coordinator" in (await refusal(client, asked)).message
            assert (old.exists(), len(house.results())) == (True, 1)

    run(main())


def test_films_that_are_kept_make_room_for_a_job_before_results_do(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, usage = House(tmp_path), shutil.disk_usage(tmp_path)
    old, asked = house.data / "sources" / ("a" * 64), []
    make_room = SqlJournal.make_room

    async def noted(journal: SqlJournal, size: int) -> Any:
        asked.append(size)
        return await make_room(journal, size)

    monkeypatch.setattr(SqlJournal, "make_room", noted)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0) if old.exists() else usage)

    async def main() -> None:
        async with house.open(), house.daemon():
            await house.film(film, tmp_path / "out.mp4", JOB)
            old.write_bytes(b"the film of somebody else")
            await house.film(film, tmp_path / "again.mp4", JOB)
            assert len(house.results()) == 2
        assert not old.exists()
        assert asked == []

    run(main())


def test_what_cannot_be_written_down_is_not_accepted(film: Path, tmp_path: Path) -> None:
    data = film.read_bytes()

    class Full(SqlJournal):
        async def accept(self, job: JobRecord) -> None:
            raise StorageError("cannot write the database: the disk is full")

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(Full(house.journal().database)), house.client() as client:
            submit = Submit(1, JOB, len(data), hashlib.sha256(data).hexdigest(), "in.mp4")
            assert (await refusal(client, submit)).message == "cannot write the database: the disk is full"
            assert list((house.data / "jobs").iterdir()) == []

    run(main())


def test_a_folder_that_is_gone_is_said_to_be_and_what_is_put_back_is_gone_on_with(film: Path, tmp_path: Path) -> None:
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon(), house.client() as client:
            waiting = await submitted(client, data[1:])
            house.data.rename(tmp_path / "away")
            another = Submit(2, JOB, 1, "0" * 64, "in.mp4")
            assert "data is gone: No such file or directory. Put it back" in (await refusal(client, another)).message
            await client.send(Cancel(waiting))
            while "cannot be written down yet" not in (said := (await client.receive()).message).waiting:
                pass
            assert "vidproc.db is gone: No such file or directory" in said.waiting
            (tmp_path / "away").rename(house.data)
            assert (await answer(client, Finished)).state is JobState.CANCELLED
            await house.film(film, tmp_path / "out.mp4", JOB)

    run(main())


def test_chunks_of_another_version_are_made_again_and_that_is_said(tmp_path: Path) -> None:
    record = JobRecord("j", JOB, "in.mp4", 1, "0" * 64, 1.0, version="0.0.0")
    chunk = KeptChunk(0, 7, "1" * 64, report(), "w", 0, {})
    with capture_logs() as logs:
        assert recovery.sound_results(JobFolder(tmp_path), Unfinished(record, [chunk])) == {}
    assert [(entry["version"], entry["chunks"]) for entry in logs] == [("0.0.0", 1)]


def broken(*_: Any) -> Any:
    raise RuntimeError("nobody thought of this")


def test_films_that_cannot_be_cleared_away_keep_no_job_waiting(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sick(spool: Spool, limit: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Spool, "trim", sick)

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon():
            await house.film(film, tmp_path / "out.mp4", JOB)

    run(main())


@pytest.mark.parametrize(("owner", "name"), [(Source, "check"), (recovery, "ending_of")])
def test_an_error_that_nobody_expected_ends_its_job(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    monkeypatch.setattr(owner, name, broken)

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon():
            with pytest.raises(VidprocError, match=r"a bug in vidproc: .*nobody thought of this"):
                await house.film(film, tmp_path / "out.mp4", JOB)
            assert house.results() == []

    run(main())


def test_an_error_that_nobody_expected_ends_a_job_that_goes_on(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        job = await handed_over(house, data)
        monkeypatch.setattr(recovery, "sound_results", broken)
        async with house.open(), house.client() as client:
            await client.send(Watch(job))
            assert "a bug in vidproc" in (await answer(client, Finished)).message

    run(main())


def test_what_goes_wrong_aside_keeps_no_coordinator_from_its_end(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets go of its folder, and the next one starts."""
    closing, close = threading.Event(), MediaProcesses.close

    def remove(folder: JobFolder) -> None:
        closing.wait(LIMIT_S)
        broken()

    async def noted(media: MediaProcesses) -> None:
        await close(media)
        closing.set()

    async def main() -> None:
        house = House(tmp_path)
        async with house.open() as coordinator:
            monkeypatch.setattr(JobFolder, "remove", remove)
            monkeypatch.setattr(MediaProcesses, "close", noted)
            coordinator._desk.discard("some")
        async with house.open():
            pass

    run(main())


def test_a_job_that_is_written_down_as_its_coordinator_stops_is_not_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client has not heard that it was accepted, and gives it to the next coordinator again."""
    ids: list[str] = []
    stopping, close = asyncio.Event(), Server.close

    class Slow(SqlJournal):
        async def accept(self, job: JobRecord) -> None:
            await super().accept(job)
            ids.append(job.id)
            await stopping.wait()

    async def noted(server: Server) -> None:
        stopping.set()
        await close(server)

    monkeypatch.setattr(Server, "close", noted)

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(Slow(house.journal().database)), house.client() as client:
            await client.send(Submit(1, JOB, 1000, "0" * 64, "in.mp4"))
            await until(lambda: ids)
        assert list((house.data / "jobs").iterdir()) == []
        async with house.open(), house.client() as client:
            await client.send(Watch(ids[0]))
            assert (await answer(client, Finished)).state is JobState.CANCELLED

    run(main())


FULL = StorageError("cannot write the database: the disk is full")


async def last_refusal(client: Session, message: Message) -> str:
    """What is said to this message, of all that a job has said before."""
    await client.send(message)
    while not isinstance(said := (await client.receive()).message, Error):
        pass
    return said.message


class Refusing(SqlJournal):
    """Its disk is full for ends, until it is told otherwise."""

    ends = 0

    async def end(self, job_id: str, ending: Ending) -> None:
        self.ends += 1
        if self.ends <= 3:
            raise FULL
        await super().end(job_id, ending)


def test_an_end_that_cannot_be_written_down_has_not_come(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who watches hears why, who asks hears that it goes on, and the result is there once the end is written."""
    monkeypatch.setattr(endings, "_PAUSES_S", (0.01, 0.01))
    data = film.read_bytes()
    told: list[Message] = []

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(Refusing(house.journal().database)), house.daemon(), house.client() as client:
            job = await submitted(client, data)
            await send(client, job, data)
            while not isinstance(message := (await client.receive()).message, Finished):
                told.append(message)
            assert message.state is JobState.DONE
            assert house.results() == [job]
        news = [it for it in told if isinstance(it, Progress)]
        assert [str(FULL) in it.waiting for it in news].count(True) == 3
        assert JobState.DONE not in {it.state for it in news}

    run(main())


def test_while_an_end_is_not_written_down_a_job_is_told_of_as_one_that_goes_on(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator that stops meanwhile tries for the last time."""
    monkeypatch.setattr(endings, "_PAUSES_S", (LIMIT_S, LIMIT_S))
    data = film.read_bytes()

    async def main() -> None:
        house = House(tmp_path)
        journal = Refusing(house.journal().database)
        async with house.open(journal, max_jobs=1) as coordinator, house.daemon(), house.client() as client:
            job = await submitted(client, data, detached=True)
            await send(client, job, data)
            await until(lambda: coordinator._desk.find(job).unwritten)
            async with house.client() as late:
                await late.send(Watch(job))
                assert isinstance(said := (await late.receive()).message, Progress)
                assert (said.state, str(FULL) in said.waiting) == (JobState.MUXING, True)
            assert "no result to fetch: it is muxing" in await last_refusal(client, Fetch(job, 0))
            another = Submit(2, JOB, 1, "0" * 64, "in.mp4")
            assert "has 1 job already (max_jobs)" in await last_refusal(client, another)
            journal.ends = 3
        async with house.open(), house.client() as client:
            await client.send(Watch(job))
            assert (await answer(client, Finished)).state is JobState.DONE

    run(main())


def test_a_job_that_failed_gives_its_room_back_before_its_end_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be what the disk lacks."""
    monkeypatch.setattr(endings, "_PAUSES_S", (0.001, 0.001))
    data = b"no film" * 100

    class Full(SqlJournal):
        async def end(self, job_id: str, ending: Ending) -> None:
            if (house.data / "jobs" / job_id).exists():
                raise FULL
            await super().end(job_id, ending)

    house = House(tmp_path)

    async def main() -> None:
        async with house.open(Full(house.journal().database)), house.client() as client:
            job = await submitted(client, data)
            await send(client, job, data)
            await answer(client, Received)
            assert (await answer(client, Finished)).state is JobState.FAILED

    run(main())


def test_a_film_that_the_disk_does_not_take_for_good_is_not_said_to_be_done(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: JobFolder) -> None:
        raise StorageError("cannot store the result: Input/output error")

    monkeypatch.setattr(JobFolder, "sync_result", refused)

    async def main() -> None:
        house = House(tmp_path)
        async with house.open(), house.daemon():
            with pytest.raises(StorageError, match="cannot store the result: Input/output error"):
                await house.film(film, tmp_path / "out.mp4", JOB)
            assert house.results() == []

    run(main())


def test_chunks_that_cannot_be_written_down_harm_no_job(film: Path, tmp_path: Path) -> None:
    """They are on disk; only another coordinator would have them made again."""

    class Full(SqlJournal):
        refused = 0

        def keep_chunk(self, job_id: str, chunk: KeptChunk, then: Then) -> None:
            self.refused += 1
            then(FULL)

    async def main() -> None:
        house = House(tmp_path)
        journal = Full(house.journal().database)
        async with house.open(journal), house.daemon():
            await house.film(film, tmp_path / "out.mp4", JOB)
        async with house.open(), house.daemon():
            await house.film(film, tmp_path / "other.mp4", JOB)
        assert journal.refused == 5
        assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()

    run(main())
