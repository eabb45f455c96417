"""What one client or daemon may take of the coordinator, and what becomes of those who take nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import LIMIT_S, job_in, report, run, submit, until
from tests.coordinator.test_clients import FILM, MIB, Served, accepted, answer, refusal, served, submission, upload
from vidproc.coordinator import clients, upload_pace
from vidproc.coordinator.clients import ClientLink
from vidproc.coordinator.job import Job
from vidproc.errors import ConnectionLostError, PeerError, StorageError
from vidproc.model import FilterSpec, JobState
from vidproc.protocol.job_messages import Describe, Removed
from vidproc.protocol.messages import (
    Accepted,
    Cancel,
    DownloadBlock,
    Error,
    Fetch,
    FileBlock,
    FileWanted,
    Finished,
    Lease,
    Message,
    Received,
    Result,
    ResultBlock,
    Revoke,
    Submit,
    Watch,
)
from vidproc.protocol.party import Party
from vidproc.storage.job_folder import JobFolder
from vidproc.storage.spool import Spool
from vidproc.transport.connect import connect
from vidproc.transport.memory import memory_pair
from vidproc.transport.server import Server
from vidproc.transport.session import Session, SessionSettings

pytestmark = pytest.mark.process

MOST_HELD = SessionSettings().bulk_high + MIB + SessionSettings().control_high
"""Bytes: a full queue, and the block that filled it."""


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """All that a coordinator serves, in the order of their coming."""
    made: list[Session] = []
    session = Server._session

    def noted(server: Server, *args: object) -> Session:
        made.append(session(server, *args))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(Server, "_session", noted)
    return made


def test_jobs_are_limited_in_all(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, max_jobs=2) as at, at.client() as one, at.client() as other:
            job = await accepted(one)
            await accepted(other)
            error = await refusal(other, submission(request=5))
            assert (error.code, error.request) == ("busy", 5)
            assert error.message == "the coordinator has 2 jobs already (max_jobs): try again when one has ended"
            await one.send(Cancel(job.job_id))
            await answer(one, Finished)
            await accepted(other)

    run(main())


def test_jobs_that_are_being_taken_in_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film that is held may take long to hash before its job is one."""
    go_on, verify = threading.Event(), Spool.verify

    def slowly(spool: Spool, sha256: str, folder: JobFolder) -> bool:
        go_on.wait(LIMIT_S)
        return verify(spool, sha256, folder)

    monkeypatch.setattr(Spool, "verify", slowly)

    async def main() -> None:
        async with served(tmp_path, max_jobs=1) as at, at.client() as one, at.client() as other:
            (at.folder / "sources" / submission().sha256).write_bytes(FILM)
            await one.send(submission())
            await until(lambda: at.jobs)
            assert "has 1 job already (max_jobs)" in (await refusal(other, submission())).message
            go_on.set()
            await answer(one, Accepted)
            await answer(one, Finished)
            await accepted(other)

    run(main())


def lacking(content: bytes) -> Submit:
    """A submission with a file, which is not sent."""
    sha256 = hashlib.sha256(content).hexdigest()
    return submission(job=replace(submission().job, filters=(FilterSpec("lut", {"file": sha256}),), files={sha256: 9}))


def test_jobs_whose_files_have_come_meanwhile_count(tmp_path: Path) -> None:
    """Room that there was when a job was submitted may be taken by the time that its files are here."""
    lut = b"LUT_3D_SIZE 2\n" + 8 * b"0.5 0.5 0.5\n"
    sha256 = hashlib.sha256(lut).hexdigest()
    job = replace(submission().job, filters=(FilterSpec("lut", {"file": sha256}),), files={sha256: len(lut)})

    async def main() -> None:
        async with served(tmp_path, max_jobs=1) as at, at.client() as one, at.client() as other:
            await one.send(submission(job=job))
            await answer(one, FileWanted)
            await accepted(other)
            assert "(max_jobs)" in (await refusal(one, FileBlock(sha256, 0), lut)).message

    run(main())


def test_jobs_whose_files_are_on_their_way_count_with_their_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, max_jobs_per_connection=2) as at, at.client() as one:
            await accepted(one)
            await one.send(lacking(b"a"))
            await answer(one, FileWanted)
            assert "(max_jobs_per_connection)" in (await refusal(one, lacking(b"b"))).message

    run(main())


def test_jobs_are_limited_by_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, max_jobs_per_connection=1) as at, at.client() as one, at.client() as other:
            await accepted(one)
            said = (await refusal(one, submission())).message
            assert said == "one connection may have 1 job at a time (max_jobs_per_connection): wait for one to end"
            await accepted(other)

    run(main())


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(upload_pace, "LOOKS", 10)


@pytest.mark.usefixtures("_impatient")
def test_who_does_not_send_what_is_waited_for_is_cut_off_and_may_come_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at:
            async with at.client() as slow:
                job = await accepted(slow)
                await upload(slow, job.job_id, 0, MIB)
                assert await answer(slow, Received) == Received(job.job_id, MIB)
                with pytest.raises(PeerError, match=r"less than 1024 bytes a second \(min_upload_rate\)"):
                    await answer(slow, Message)  # type: ignore[type-abstract]
            assert at.jobs == [job.job_id], "it waits for its client"
            async with at.client() as back:
                await back.send(Watch(job.job_id))
                assert await answer(back, Received) == Received(job.job_id, MIB)
                await upload(back, job.job_id, MIB, len(FILM))
                await answer(back, Received)
                await answer(back, Received)
                assert (await answer(back, Finished)).code == "media"

    run(main())


@pytest.mark.usefixtures("_impatient")
def test_who_watches_what_another_sends_need_not_send(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as watching:
            async with at.client() as slow:
                job = await accepted(slow)
                await watching.send(Watch(job.job_id))
                assert await answer(watching, Received) == Received(job.job_id, 0)
                with pytest.raises(PeerError, match="min_upload_rate"):
                    await answer(slow, Message)  # type: ignore[type-abstract]
            await watching.send(Cancel(job.job_id))
            assert (await answer(watching, Finished)).state is JobState.CANCELLED

    run(main())


@pytest.mark.usefixtures("_impatient")
def test_who_watches_what_nobody_sends_any_more_need_not_send_either(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as watching:
            async with at.client() as sender:
                job = await accepted(sender)
            await until(lambda: not at.listeners(job.job_id))
            held = at.coordinator._desk.find(job.job_id)
            await watching.send(Watch(job.job_id))
            await answer(watching, Received)
            assert held.sender is None
            async with at.client() as back:
                await back.send(Watch(job.job_id))
                await upload(back, job.job_id, 0, MIB)
                await answer(back, Received)
                await answer(back, Received)
                with pytest.raises(PeerError, match="min_upload_rate"):
                    await answer(back, Message)  # type: ignore[type-abstract]
            await watching.send(Cancel(job.job_id))
            assert (await answer(watching, Finished)).state is JobState.CANCELLED

    run(main())


def test_a_client_that_comes_back_has_time_to_go_on_sending(tmp_path: Path) -> None:
    """However late it came."""

    async def main() -> None:
        async with served(tmp_path, client_patience=60) as at:
            async with at.client() as sender:
                job_id = (await accepted(sender)).job_id
            await until(lambda: not at.listeners(job_id))
            job = at.coordinator._desk.find(job_id)
            left = job.wanted_at = job.wanted_at - 59
            async with at.client() as back:
                await back.send(Watch(job_id))
                await answer(back, Received)
                assert job.wanted_at > left + 59

    run(main())


def test_a_job_that_is_watched_and_that_nobody_sends_ends(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, client_patience=0.05) as at, at.client() as watching:
            async with at.client() as sender:
                job = await accepted(sender)
                await watching.send(Watch(job.job_id))
                await answer(watching, Received)
            assert (await answer(watching, Finished)).code == "cancelled"

    run(main())


class _Inquiries:
    """Always has an answer at hand, and a large one; of a desk it has what nobody here asks for."""

    asked = 0
    fetching = contextlib.nullcontext

    async def answer(self, question: Message) -> Message:
        self.asked += 1
        return Removed(self.asked, "x" * 50_000)


def test_large_answers_wait_for_their_reader() -> None:
    """Who asks for them again and again, and reads none, has to wait, and nothing piles up for it."""

    async def main() -> None:
        small = SessionSettings(receive_high=2000, receive_low=500, linger_s=0.01, close_s=0.01)
        parties = Party("client", "c", {"vidproc": "1"}), Party("coordinator", "k", {"vidproc": "1"})
        client, far = await memory_pair(*parties, small)
        inquiries: Any = _Inquiries()
        link = ClientLink(far, inquiries, inquiries, clients.ClientLimits())
        serving = asyncio.create_task(link.serve())
        asking = asyncio.create_task(_ask_for_ever(client))
        await until(lambda: far._outbox.full(bulk=False))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert inquiries.asked < 50
        assert link._outbox._messages == {}
        for task in (asking, serving):
            task.cancel()
        await asyncio.gather(asking, serving, return_exceptions=True)
        await client.close()
        await far.close()

    run(main())


async def _ask_for_ever(client: Session) -> None:
    while True:
        await client.send(Describe(1, "j"))


async def _to_its_end(session: Session) -> None:
    """Receive until that raises."""
    while True:
        await session.receive()


async def _cut(served: Session) -> int:
    """Wait until that session was cut off; the most bytes that lay waiting for it."""
    held = 0
    while not served.closed:
        held = max(held, served.waiting)
        await asyncio.sleep(0)
    return held


def test_a_download_that_nobody_reads_is_cut_off_and_little_of_it_is_held(
    tmp_path: Path, sessions: list[Session]
) -> None:
    async def main() -> None:
        async with served(tmp_path, send_timeout=0.3) as at, at.client() as stopped, at.client() as other:
            job = done(at, "big")
            await stopped.send(Fetch(job.id, 0))
            held = await _cut(sessions[0])
            assert 0 < held <= MOST_HELD
            assert sessions[0].waiting == 0
            assert not sessions[1].closed
            await accepted(other)
            with pytest.raises(ConnectionLostError):
                await _to_its_end(stopped)
            at.coordinator._desk.cancel(job)

    run(main())


def test_one_connection_s_downloads_are_limited_and_what_is_read_stays(
    tmp_path: Path, sessions: list[Session]
) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            dispatch, made = at.coordinator._dispatch, [done(at, f"{n}") for n in range(5)]
            for job in made:
                await client.send(Fetch(job.id, 0))
            while isinstance(message := (await client.receive()).message, DownloadBlock):
                pass
            assert isinstance(message, Error)
            assert message.job_id == made[4].id
            assert message.message == "one connection may fetch 4 results at a time: wait for one to end"
            for job in made:
                del dispatch.jobs[job.id]
            assert at.coordinator._desk._heard_of() == {job.id for job in made[:4]}
            sessions[0].abort()
            await until(lambda: not at.coordinator._desk._heard_of())
            for job in made:
                job.folder.remove()

    run(main())


def done(at: Served, name: str) -> Job:
    """A job with a large result."""
    job = job_in(at.folder / "jobs", name)
    job.recall(Finished(job.id, JobState.DONE, 200 * MIB, "0" * 64, {}))
    with job.folder.result.open("wb") as file:
        file.truncate(200 * MIB)
    at.coordinator._dispatch.jobs[job.id] = job
    return job


def test_a_daemon_that_reads_no_leases_is_cut_off_and_little_is_held_for_it(
    tmp_path: Path, sessions: list[Session]
) -> None:
    async def main() -> None:
        async with served(tmp_path, send_timeout=0.3) as at:
            dispatch = at.coordinator._dispatch
            party = Party("worker", "w", {"vidproc": "0"}, capabilities={"slots": 8})
            async with await connect(at.address, party):
                await until(lambda: dispatch.workers)
                job = job_in(tmp_path / "data" / "jobs", chunks=20)
                with job.packets[0].open("r+b") as file:
                    file.truncate(20 * 16 * MIB)
                for n, chunk in enumerate(job.chunks):
                    job.chunks[n] = type(chunk)(
                        n, chunk.start, chunk.stop, 0, 0, 0, 16 * n * MIB, 16 * (n + 1) * MIB
                    )
                submit(dispatch, job)
                assert 0 < await _cut(sessions[0]) <= MOST_HELD
                await until(lambda: not dispatch.workers)
                assert dispatch.scheduler.why_waiting(job.id) == "no worker daemon is connected"
                dispatch.fail(job, PeerError("enough"))
            job.folder.remove()
            del dispatch.jobs[job.id]

    run(main())


def test_a_chunk_s_result_that_is_too_large_is_not_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path, max_result=MIB) as at:
            dispatch = at.coordinator._dispatch
            party = Party("worker", "w", {"vidproc": "0"}, capabilities={"slots": 1})
            async with await connect(at.address, party) as daemon:
                await until(lambda: dispatch.workers)
                job = job_in(tmp_path / "data" / "jobs", chunks=1)
                submit(dispatch, job)
                while not isinstance(lease := (await daemon.receive()).message, Lease):
                    pass
                await daemon.send(Result(lease.lease_id, MIB + 1, "0" * 64, report()))
                await daemon.send(ResultBlock(lease.lease_id), b"what is on its way already")
                while (await daemon.receive()).message != Revoke(lease.lease_id):
                    pass
                assert dispatch.workers, "its daemon stays"
                assert isinstance(job.error, StorageError)
                assert str(job.error).endswith(
                    "has 1048577 bytes; this coordinator takes up to 1048576; "
                    "raise its setting max_result (VIDPROC_COORDINATOR_MAX_RESULT)"
                )
            assert list((job.folder.path / "chunks").iterdir()) == []
            job.folder.remove()
            del dispatch.jobs[job.id]

    run(main())
