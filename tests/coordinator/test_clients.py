"""What a coordinator answers a client, message by message; most of what is asked here no client of ours would ask."""

from __future__ import annotations

import hashlib
import shutil
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import LIMIT_S, run, until
from tests.coordinator.talk import answer, refusal
from tests.media import clips
from tests.storage.folders import small_files
from vidproc.config import CoordinatorSettings
from vidproc.coordinator.server import Coordinator
from vidproc.errors import PeerError
from vidproc.model import FilterSpec, JobSpec, JobState
from vidproc.protocol.messages import (
    Accepted,
    Cancel,
    Fetch,
    Finished,
    Message,
    Received,
    Submit,
    UploadBlock,
    Watch,
)
from vidproc.protocol.party import Party
from vidproc.storage.job_folder import JobFolder
from vidproc.storage.spool import Spool
from vidproc.storage.upload import Upload
from vidproc.transport.address import Address
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

pytestmark = pytest.mark.process
MIB = 2**20
_BOX = 5 * MIB // 2 - 24
FILM = b"\0\0\0\x10ftypmp42\0\0\0\0" + _BOX.to_bytes(4, "big") + b"mdat" + bytes(_BOX - 8) + b"\0\0\0\x08free"
"""2.5 MiB of an MP4 that are no film, as a media process finds out when it has come to their end."""
JOB = JobSpec((FilterSpec("blur"),))
_Message = TypeVar("_Message", bound=Message)


class Served:
    """A coordinator without daemons, and its clients."""

    def __init__(self, folder: Path, coordinator: Coordinator) -> None:
        self.folder = folder / "data"
        self.address = Address.unix(folder / "socket")
        self.coordinator = coordinator

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Session]:
        session = await connect(self.address, Party("client", "c", {"vidproc": "1"}))
        try:
            yield session
        finally:
            await session.close()

    @property
    def jobs(self) -> list[str]:
        return [path.name for path in (self.folder / "jobs").iterdir()]

    def listeners(self, job: str) -> int:
        return len(self.coordinator._desk.find(job).listeners)

    @property
    def sources(self) -> list[str]:
        return [path.suffix for path in (self.folder / "sources").iterdir()]


@asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncIterator[Served]:
    coordinator = Coordinator(CoordinatorSettings(data_dir=folder / "data", **settings))
    made = Served(folder, coordinator)
    await coordinator.start([made.address])
    try:
        yield made
    finally:
        await coordinator.stop()
        assert made.jobs == []


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real one. Nobody is there to work on it."""
    return clips.make("constant rate", tmp_path_factory.mktemp("films")).read_bytes()


def submission(data: bytes = FILM, **changes: Any) -> Submit:
    return replace(Submit(1, JOB, len(data), hashlib.sha256(data).hexdigest(), "in.mp4"), **changes)


async def accepted(client: Session, submit: Submit | None = None) -> Accepted:
    await client.send(submit or submission())
    return await answer(client, Accepted)


async def upload(client: Session, job: str, offset: int, stop: int, data: bytes = FILM, step: int = MIB) -> None:
    for at in range(offset, stop, step):
        block = data[at : min(at + step, stop)]
        await client.send(UploadBlock(job, at, zlib.crc32(block)), block)


def test_an_upload_from_its_beginning_to_the_job_s_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = await accepted(client)
            assert job.offset == 0
            await upload(client, job.job_id, 0, len(FILM))
            offsets = [(await answer(client, Received)).offset for _ in range(3)]
            assert offsets == [MIB, 2 * MIB, len(FILM)]
            finished = await answer(client, Finished)
            assert (finished.state, finished.code) == (JobState.FAILED, "media")
            assert at.sources == [], "what is no film is not kept"

    run(main())


def test_a_job_that_another_connection_cancels_as_its_upload_ends(
    tmp_path: Path, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        begun, go_on, finish = threading.Event(), threading.Event(), Upload.finish

        def slowly(upload: Upload) -> None:
            begun.set()
            go_on.wait(LIMIT_S)
            finish(upload)

        monkeypatch.setattr(Upload, "finish", slowly)
        async with served(tmp_path) as at, at.client() as client, at.client() as other:
            job = (await accepted(client, submission(film))).job_id
            await upload(client, job, 0, len(film), film)
            await until(begun.is_set)
            await other.send(Cancel(job))
            assert await refusal(other, Cancel("none")), "it was heard of"
            go_on.set()
            assert (await answer(client, Received)).offset == len(film)
            assert (await answer(client, Finished)).code == "cancelled"
            assert at.sources == [""], "of use to another job"

    run(main())


def test_a_damaged_block_is_asked_for_once(tmp_path: Path) -> None:
    """What was sent behind it is passed over; sent again, all is taken."""

    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client)).job_id
            await client.send(UploadBlock(job, 0, 1), FILM[:MIB])
            await upload(client, job, MIB, len(FILM))
            assert await answer(client, Received) == Received(job, 0)
            await upload(client, job, 0, len(FILM))
            assert [(await answer(client, Received)).offset for _ in range(3)] == [MIB, 2 * MIB, len(FILM)]
            await answer(client, Finished)

    run(main())


def test_a_block_out_of_its_place_is_answered_with_the_place(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client)).job_id
            await upload(client, job, MIB, 2 * MIB)
            assert await answer(client, Received) == Received(job, 0)
            await upload(client, job, 0, MIB)
            assert await answer(client, Received) == Received(job, MIB)
            await upload(client, job, 0, MIB)
            assert await answer(client, Received) == Received(job, MIB)

    run(main())


def test_more_bytes_than_were_announced(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client, submission(FILM[:100]))).job_id
            error = await refusal(client, UploadBlock(job, 0, 0), FILM[:101])
            assert (error.code, error.job_id) == ("usage", job)
            assert "more bytes" in error.message

    run(main())


def test_a_film_that_the_disk_does_not_take_ends_its_job_whoever_is_there(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client)).job_id
            with small_files():
                error = await refusal(client, UploadBlock(job, 0, zlib.crc32(FILM[:MIB])), FILM[:MIB])
            assert (error.code, error.job_id) == ("storage", job)
            assert "cannot store the upload" in error.message
            end = await answer(client, Finished)
            assert (end.state, end.message) == (JobState.FAILED, error.message)
            await until(lambda: job not in at.jobs)

    run(main())


def test_other_bytes_than_were_announced(tmp_path: Path, film: bytes) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client, submission(film, sha256="0" * 64))).job_id
            await upload(client, job, 0, len(film), film)
            await answer(client, Received)
            finished = await answer(client, Finished)
            assert (finished.code, finished.state, finished.sha256) == ("usage", JobState.FAILED, "")
            assert "do not match their SHA-256" in finished.message
            assert at.sources == []
            assert "no result to fetch: it is failed" in (await refusal(client, Fetch(job, 0))).message
            assert at.jobs == []

    run(main())


def test_an_upload_that_broke_off_goes_on_where_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at:
            async with at.client() as client:
                job = (await accepted(client)).job_id
                await upload(client, job, 0, 2 * MIB)
                await answer(client, Received)
                await answer(client, Received)
            await until(lambda: not at.listeners(job))
            assert at.sources == [f".{job}"], "its client may come back"
            async with at.client() as client:
                again = await accepted(client)
                assert again.offset == 2 * MIB
                await upload(client, again.job_id, again.offset, len(FILM))
                await answer(client, Received)
                assert (await answer(client, Finished)).code == "media"
                await client.send(Watch(job))
                assert (await answer(client, Finished)).code == "unknown-job", "whoever comes back submits it again"

    run(main())


def test_an_upload_whose_client_stays_away_is_left_for_another(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, client_patience=0.01) as at:
            async with at.client() as client:
                job = (await accepted(client)).job_id
                await upload(client, job, 0, MIB)
                await answer(client, Received)
            await until(lambda: at.jobs == [])
            assert at.sources == [".part"]
            async with at.client() as client:
                await client.send(Watch(job))
                assert (await answer(client, Finished)).state is JobState.CANCELLED
                assert (await accepted(client)).offset == MIB

    run(main())


def test_a_client_comes_back_before_it_is_known_to_be_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as new:
            async with at.client() as old:
                job = (await accepted(old)).job_id
                await upload(old, job, 0, MIB)
                await answer(old, Received)
                await new.send(Watch(job))
                assert await answer(new, Received) == Received(job, MIB)
            await upload(new, job, MIB, len(FILM))
            assert (await answer(new, Received)).offset == 2 * MIB
            assert (await answer(new, Received)).offset == len(FILM)
            assert (await answer(new, Finished)).job_id == job

    run(main())


def test_two_clients_send_the_same_film_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as one, at.client() as other:
            jobs = [(await accepted(client)).job_id for client in (one, other)]
            for client, job in zip((one, other), jobs, strict=True):
                await upload(client, job, 0, 2 * MIB)
            for client, job in zip((one, other), jobs, strict=True):
                await upload(client, job, 2 * MIB, len(FILM))
            for client in (one, other):
                assert [(await answer(client, Received)).offset for _ in range(3)] == [MIB, 2 * MIB, len(FILM)]
                await answer(client, Finished)
            assert at.sources == []

    run(main())


def test_a_film_that_is_held_is_not_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            (at.folder / "sources" / submission().sha256).write_bytes(FILM)
            assert (await accepted(client)).offset == len(FILM)
            await answer(client, Finished)

    run(main())


def test_unless_it_holds_other_bytes_than_its_name_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            (at.folder / "sources" / submission().sha256).write_bytes(FILM[:-1] + b"!")
            job = await accepted(client)
            assert job.offset == 0
            assert at.sources == [f".{job.job_id}"]

    run(main())


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"size": 0}, "usage", "in.mp4 is empty"),
        ({"size": 101}, "usage", "up to 100 bytes; raise its setting upload_limit"),
        ({"job": replace(JOB, filters=(FilterSpec("blurr"),))}, "unknown-filter", "did you mean 'blur'"),
        ({"job": replace(JOB, filters=(FilterSpec("blur", {"ksize": 4}),))}, "bad-parameter", "odd"),
        ({"job": replace(JOB, codec="h263")}, "usage", "choose from h264"),
        ({"job": replace(JOB, container="avi")}, "usage", "choose from mp4, mkv"),
        ({"job": replace(JOB, crf=float("nan"))}, "bad-parameter", "0 to 51"),
        ({"job": replace(JOB, audio="loud")}, "usage", "audio 'loud'"),
        ({"job": replace(JOB, on_decode_error="panic")}, "usage", "on-decode-error 'panic'"),
        ({"job": replace(JOB, on_error="panic")}, "usage", "on-error 'panic' is not one of original, previous, black"),
        ({"job": replace(JOB, start=-1.0)}, "usage", "start -1"),
        ({"job": replace(JOB, duration=float("inf"))}, "usage", "duration inf"),
        ({"job": replace(JOB, filters=(FilterSpec("custom", code="x = 1"),))}, "usage", "no function"),
        ({"job": replace(JOB, filters=(FilterSpec("blur", code="def f(frame): return frame"),))}, "usage", "code"),
    ],
)
def test_a_job_that_is_refused_before_a_byte_is_sent(
    tmp_path: Path, changes: dict[str, Any], code: str, said: str
) -> None:
    async def main() -> None:
        async with served(tmp_path, upload_limit=100) as at, at.client() as client:
            error = await refusal(client, submission(FILM[:100], request=7, **changes))
            assert (error.code, error.request) == (code, 7)
            assert said in error.message
            assert (at.jobs, at.sources) == ([], [])
            assert await refusal(client, submission(FILM[:100], request=7, dry_run=True, **changes)) == error
            await client.send(submission(FILM[:100], dry_run=True, request=8))
            assert await answer(client, Accepted) == Accepted(8, "", 0)
            assert at.jobs == []

    run(main())


def test_a_disk_without_room(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            error = await refusal(client, submission(size=2**60))
            assert error.code == "storage"
            assert "too little disk at the coordinator" in error.message
            assert (await refusal(client, submission(size=2**60, dry_run=True))).code == "storage"

    run(main())


def test_an_upload_that_cannot_be_stored_leaves_no_job(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            (at.folder / "sources").rmdir()
            assert (await refusal(client, submission())).code == "storage"
            assert at.jobs == []
            (at.folder / "sources").mkdir()
            await accepted(client)

    run(main())


def test_a_source_that_vanishes_fails_its_job(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client)).job_id
            shutil.rmtree(at.folder / "jobs" / job)
            await upload(client, job, 0, len(FILM))
            for _ in range(3):
                await answer(client, Received)
            assert (await answer(client, Finished)).message == "source is not a file"

    run(main())


@pytest.mark.parametrize("message", [Watch("none"), Fetch("none", 0), Cancel("none"), UploadBlock("none", 0, 0)])
def test_a_job_that_is_not_there(tmp_path: Path, message: Message) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            error = await refusal(client, message)
            assert (error.code, error.job_id) == ("unknown-job", "none")

    run(main())


def test_a_result_that_is_not_there_yet(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client)).job_id
            assert "has no result to fetch: it is uploading" in (await refusal(client, Fetch(job, 0))).message

    run(main())


def test_folders_are_cleared_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of files would keep everybody else waiting, and so would a large one."""
    threads: list[threading.Thread] = []

    def note(owner: type, name: str) -> None:
        doing = getattr(owner, name)

        def noted(*given: object) -> None:
            threads.append(threading.current_thread())
            doing(*given)

        monkeypatch.setattr(owner, name, noted)

    async def main() -> None:
        note(JobFolder, "remove")
        note(Spool, "forget")
        note(Spool, "trim")
        async with served(tmp_path) as at, at.client() as client:
            await client.send(Cancel((await accepted(client)).job_id))
            await answer(client, Finished)
            failing = await accepted(client)
            await upload(client, failing.job_id, 0, len(FILM))
            for _ in range(3):
                await answer(client, Received)
            await answer(client, Finished)
            await until(lambda: at.jobs == [])
        assert len(threads) == 6
        assert threading.main_thread() not in threads

    run(main())


def test_a_cancelled_upload_is_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            job = (await accepted(client)).job_id
            await client.send(Cancel(job))
            assert (await answer(client, Finished)).state is JobState.CANCELLED
            assert at.jobs == []
            await client.send(Cancel(job))
            assert (await refusal(client, Cancel(job))).code == "unknown-job"

    run(main())


def test_one_connection_s_jobs_are_limited(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            for _ in range(64):
                job = await accepted(client)
            assert "64 jobs at a time" in (await refusal(client, submission())).message
            await client.send(Cancel(job.job_id))
            await answer(client, Finished)
            await accepted(client)

    run(main())


def test_what_only_a_worker_may_say_ends_the_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at:
            session = await connect(at.address, Party("worker", "w", {"vidproc": "0"}, capabilities={"slots": 0}))
            with pytest.raises(PeerError, match="1 to 1024 slots"):
                await session.receive()
            await session.close()
            async with at.client() as client:
                await accepted(client)

    run(main())


def test_daemons_of_one_name_are_told_apart_and_one_that_returns_is_itself(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at:
            workers = at.coordinator._dispatch.workers
            party = Party("worker", "w", {"vidproc": "0"}, capabilities={"slots": 1})
            one, two = await connect(at.address, party), await connect(at.address, party)
            await until(lambda: set(workers) == {"w", "w#2"})
            await one.close()
            await until(lambda: set(workers) == {"w#2"})
            back = await connect(at.address, party)
            await until(lambda: set(workers) == {"w", "w#2"})
            await two.close()
            await back.close()

    run(main())
