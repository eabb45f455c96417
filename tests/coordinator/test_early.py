"""A film is worked on while it arrives, and what comes of it is the same. Nothing of it can be had before it is known
to be the film that was announced."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import run
from tests.coordinator.test_course import kill_after_news
from tests.media.clips import X264, Film, write
from vidproc import local
from vidproc.client import sending
from vidproc.client.endpoint import Endpoint
from vidproc.client.remote import process
from vidproc.config import WorkerSettings
from vidproc.coordinator import source
from vidproc.model import FilterSpec, JobSpec, JobState
from vidproc.protocol.messages import (
    Accepted,
    Fetch,
    Finished,
    Progress,
    Received,
    Submit,
    UploadBlock,
    Wanted,
    Watch,
)
from vidproc.protocol.party import Party
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

pytestmark = pytest.mark.process
JOB = JobSpec((FilterSpec("motion"),), container="mkv")
FRAMES = 1200


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    write(path, Film(options={**X264, "g": "24"}, count=FRAMES))
    return path


@pytest.fixture(scope="module")
def content(film: Path) -> bytes:
    return film.read_bytes()


def cluster() -> AbstractAsyncContextManager[Endpoint]:
    return local.cluster(WorkerSettings(name="w", processes=1, allow_custom=True))


class Client:
    """Sends a film in pieces, and no more than it is told to."""

    def __init__(self, session: Session, film: bytes, sha256: str, spec: JobSpec) -> None:
        self.session = session
        self._film, self._sha256, self._spec = film, sha256, spec
        self.job = ""
        self.wanted = 0

    async def submit(self) -> int:
        await self.session.send(Submit(1, self._spec, len(self._film), self._sha256, "in.mkv"))
        accepted = (await self.session.receive()).message
        assert isinstance(accepted, Accepted)
        self.job = accepted.job_id
        return accepted.offset

    async def upload(self, start: float, stop: float, steps: int = 10) -> None:
        """These shares of it."""
        first, last = (int(share * len(self._film)) for share in (start, stop))
        await self._send(first, last, (last - first) // steps + 1)

    async def _send(self, start: int, stop: int, step: int) -> None:
        for at in range(start, stop, step):
            block = self._film[at : min(at + step, stop)]
            await self.session.send(UploadBlock(self.job, at, zlib.crc32(block)), block)

    async def hear(self, kind: type, holds: Callable[..., bool] = lambda _: True) -> object:
        """The next message of that kind of which it holds."""
        while not (isinstance(message := (await self.session.receive()).message, kind) and holds(message)):
            assert not isinstance(message, Finished), message
            if isinstance(message, Wanted):
                self.wanted += 1
                await self._send(message.offset, message.offset + message.size, 2**20)
        return message

    async def finished(self) -> Finished:
        finished = await self.hear(Finished)
        assert isinstance(finished, Finished)
        return finished


@asynccontextmanager
async def client(at: Endpoint, film: bytes, sha256: str = "", spec: JobSpec = JOB) -> AsyncIterator[Client]:
    session = await connect(at.address, Party("client", "c", {"vidproc": "1"}, at.token))
    try:
        yield Client(session, film, sha256 or hashlib.sha256(film).hexdigest(), spec)
    finally:
        await session.close()



@pytest.fixture(scope="module")
def undisturbed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result of a film that was held before it was asked for."""
    told: list[str] = []

    async def main() -> None:
        out = tmp_path_factory.mktemp("out")
        async with cluster() as at:
            for name in ("sent.mkv", "held.mkv"):
                told.append((await process(at, JOB, str(film), str(out / name), False, lambda _: None))["sha256"])

    run(main())
    assert told[0] == told[1]
    return told[1]


def done_in(state: JobState, frames: int = 1) -> Callable[[Progress], bool]:
    return lambda progress: progress.state is state and progress.frames_done >= frames


def test_chunks_are_done_while_half_of_the_film_is_held_back(content: bytes, undisturbed: str) -> None:
    async def main() -> None:
        async with cluster() as at, client(at, content) as sender:
            await sender.submit()
            await sender.upload(0, 0.5)
            await sender.hear(Progress, done_in(JobState.UPLOADING, FRAMES // 4))
            await sender.upload(0.5, 1)
            finished = await sender.finished()
            assert (finished.state, finished.sha256) == (JobState.DONE, undisturbed)

    run(main())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A film that is small is asked for like a large one."""
    monkeypatch.setattr(source, "_FAR", 2**14)
    monkeypatch.setattr(source, "_FEWEST", 2**14)


def test_a_part_of_the_film_is_done_when_it_is_here(content: bytes, impatient: None) -> None:
    part = replace(JOB, start=10.0, duration=5.0)

    async def main() -> None:
        async with cluster() as at, client(at, content, spec=part) as sender:
            await sender.submit()
            await sender.upload(0, 0.5)
            await sender.hear(Progress, done_in(JobState.UPLOADING, 5 * 24))
            assert sender.wanted, "where its keyframes are stands at its end"
            await sender.upload(0.5, 1)
            early = await sender.finished()
            async with client(at, content, spec=part) as again:
                assert await again.submit() == len(content)
                assert (await again.finished()).sha256 == early.sha256

    run(main())


@pytest.fixture(scope="module")
def indexed_at_its_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    write(path, Film(options={**X264, "g": "24"}, count=FRAMES))
    return path


def test_a_film_whose_index_is_at_its_end_is_begun_too(indexed_at_its_end: Path, impatient: None) -> None:
    content = indexed_at_its_end.read_bytes()

    async def main() -> None:
        async with cluster() as at:
            async with client(at, content) as sender:
                await sender.submit()
                await sender.upload(0, 0.5)
                await sender.hear(Progress, done_in(JobState.UPLOADING, FRAMES // 4))
                assert sender.wanted
                await sender.upload(0.5, 1)
                early = await sender.finished()
            async with client(at, content) as again:
                assert await again.submit() == len(content)
                assert (await again.finished()).sha256 == early.sha256

    run(main())


def test_a_client_of_ours_sends_what_is_wanted(
    indexed_at_its_end: Path, impatient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held up after its first blocks until something is wanted."""
    received, wanted, answers = sending.Sending.received, sending.Sending.wanted, [0]

    def held_up(it: sending.Sending, offset: int) -> None:
        answers[-1] = offset
        if offset == 0 or len(answers) > 1:
            received(it, offset)

    def going_on(it: sending.Sending, offset: int, size: int) -> None:
        wanted(it, offset, size)
        received(it, answers[-1])
        answers.append(offset)

    monkeypatch.setattr(sending.Sending, "received", held_up)
    monkeypatch.setattr(sending.Sending, "wanted", going_on)
    monkeypatch.setattr(sending, "BLOCK", 2**14)
    monkeypatch.setattr(sending, "_WINDOW", 2**15)
    video, told = str(indexed_at_its_end), []

    async def main() -> None:
        async with cluster() as at:
            for out in ("sent.mkv", "held.mkv"):
                told.append((await process(at, JOB, video, str(tmp_path / out), False, lambda _: None))["sha256"])

    run(main())
    assert len(answers) > 1
    assert told[0] == told[1]


def test_a_film_that_changes_while_it_is_sent_gives_no_result(indexed_at_its_end: Path, impatient: None) -> None:
    content = indexed_at_its_end.read_bytes()

    async def main() -> None:
        async with cluster() as at, client(at, content[:-9] + b"!" * 9, hashlib.sha256(content).hexdigest()) as sender:
            await sender.submit()
            await sender.upload(0, 0.5)
            await sender.hear(Progress, lambda _: sender.wanted > 0)
            async with client(at, content) as other:
                other.job = sender.job
                await other.upload(0.5, 1)
            finished = await sender.finished()
            assert (finished.state, finished.code) == (JobState.FAILED, "usage")

    run(main())


def test_a_client_that_comes_back_finds_its_chunks_done(content: bytes, undisturbed: str) -> None:
    async def main() -> None:
        async with cluster() as at:
            async with client(at, content) as first:
                await first.submit()
                await first.upload(0, 0.5)
                await first.hear(Progress, done_in(JobState.UPLOADING))
            async with client(at, content) as second:
                second.job = first.job
                await second.session.send(Watch(first.job))
                assert await second.hear(Received) == Received(first.job, len(content) // 2)
                await second.hear(Progress, done_in(JobState.UPLOADING))
                await second.upload(0.5, 1)
                assert (await second.finished()).sha256 == undisturbed

    run(main())


def test_a_media_process_that_dies_over_half_a_film(
    content: bytes, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = kill_after_news(monkeypatch, 1)

    async def main() -> None:
        async with cluster() as at, client(at, content) as sender:
            await sender.submit()
            await sender.upload(0, 0.5)
            await sender.hear(Progress, done_in(JobState.UPLOADING))
            assert killer.left == 0
            await sender.upload(0.5, 1)
            assert (await sender.finished()).sha256 == undisturbed

    run(main())


def test_a_film_that_turns_out_to_be_another_gives_no_result(content: bytes) -> None:
    async def main() -> None:
        async with (
            cluster() as at,
            client(at, content[:-100] + os.urandom(100), hashlib.sha256(content).hexdigest()) as sender,
        ):
            await sender.submit()
            await sender.upload(0, 0.9)
            await sender.hear(Progress, done_in(JobState.UPLOADING))
            await sender.upload(0.9, 1)
            finished = await sender.finished()
            assert (finished.state, finished.code, finished.size) == (JobState.FAILED, "usage", 0)
            await sender.session.send(Fetch(sender.job, 0))
            message, _, _ = await sender.session.receive()
            assert "no result to fetch" in getattr(message, "message", "")
            assert await sender.submit() == 0, "nothing of it is kept under the name of the other"

    run(main())


def test_what_is_no_film_is_refused_before_it_is_here() -> None:
    async def main() -> None:
        content = os.urandom(4 * 2**20)
        async with cluster() as at, client(at, content) as sender:
            await sender.submit()
            await sender.upload(0, 0.5)
            assert (await sender.finished()).code == "media"
            assert await sender.submit() == 0, "nothing of it is kept"

    run(main())


def test_a_filter_that_fails_ends_the_upload(content: bytes) -> None:
    failing = JobSpec((FilterSpec("custom", code="def f(frame):\n    raise ValueError('no')"),), on_error="fail")

    async def main() -> None:
        async with cluster() as at, client(at, content, spec=failing) as sender:
            await sender.submit()
            await sender.upload(0, 0.5)
            finished = await sender.finished()
            assert (finished.state, finished.code) == (JobState.FAILED, "filter")
            assert await sender.submit() == len(content) // 2, "what has come is of use to the next"

    run(main())
