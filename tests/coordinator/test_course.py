"""The media process is killed at every stage of a job: the film that comes out has the same bytes."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.coordinator.jobs import run
from tests.media import clips
from vidproc import local
from vidproc.client.remote import process
from vidproc.config import WorkerSettings
from vidproc.coordinator.media import MediaProcess
from vidproc.errors import MediaError, VidprocError
from vidproc.model import FilterSpec, JobSpec

pytestmark = pytest.mark.process
JOB = JobSpec((FilterSpec("motion"),), container="mkv")
Blow = Callable[[MediaProcess], None]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With damage in its packets and a loss that only the whole of it tells, so that losses can be compared."""
    return clips.make("truncated", tmp_path_factory.mktemp("films"))


async def made(film: Path, out: Path, job: JobSpec = JOB) -> dict[str, Any]:
    async with local.cluster(WorkerSettings(name="w", processes=1)) as endpoint:
        return await process(endpoint, job, str(film), str(out), overwrite=False, tell=lambda _: None)


@pytest.fixture(scope="module")
def undisturbed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def main() -> None:
        found.update(await made(film, tmp_path_factory.mktemp("out") / "out.mkv"))

    run(main())
    return found


class Killer:
    """SIGKILL to the media process, at most so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def strike(self, media: MediaProcess) -> None:
        if self.left:
            self.left -= 1
            os.kill(media.pid, signal.SIGKILL)


def kill_before(monkeypatch: pytest.MonkeyPatch, method: str, times: int = 1) -> Killer:
    """Before its next request of that kind."""
    killer, original = Killer(times), getattr(MediaProcess, method)

    async def struck(self: MediaProcess, *args: Any) -> Any:
        killer.strike(self)
        return await original(self, *args)

    monkeypatch.setattr(MediaProcess, method, struck)
    return killer


def kill_after_news(monkeypatch: pytest.MonkeyPatch, which: int) -> Killer:
    """After so many answers of the ingest."""
    killer, original = Killer(1), MediaProcess.ingest

    async def struck(self: MediaProcess, *args: Any) -> AsyncIterator[Any]:
        number = 0
        async for news in original(self, *args):
            if number == which:
                killer.strike(self)
            number += 1
            yield news

    monkeypatch.setattr(MediaProcess, "ingest", struck)
    return killer


_MOMENTS: dict[str, Callable[[pytest.MonkeyPatch], Killer]] = {
    "as the film is opened": lambda patch: kill_after_news(patch, 0),
    "when chunks are planned": lambda patch: kill_after_news(patch, 1),
    "as the result is begun": lambda patch: kill_before(patch, "open_result"),
    "in the middle of the result": lambda patch: kill_before(patch, "append", 2),
    "at the end": lambda patch: kill_before(patch, "finish", 2),
}


@pytest.mark.parametrize("moment", _MOMENTS)
def test_another_media_process_takes_over(
    film: Path, tmp_path: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    killer = _MOMENTS[moment](monkeypatch)

    async def main() -> None:
        told = await made(film, tmp_path / "out.mkv")
        assert killer.left == 0
        assert told["sha256"] == undisturbed["sha256"]
        assert told["losses"] == undisturbed["losses"]
        assert hashlib.sha256((tmp_path / "out.mkv").read_bytes()).hexdigest() == undisturbed["sha256"]

    run(main())


def test_a_job_whose_media_process_always_dies_fails(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = kill_before(monkeypatch, "finish", times=9)

    async def main() -> None:
        with pytest.raises(VidprocError, match="media process was killed by SIGKILL"):
            await made(film, tmp_path / "out.mkv")
        assert killer.left == 6, "three are tried"

    run(main())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_film_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in.mkv").write_bytes(bytes(9999))
    starts = kill_before(monkeypatch, "start", times=0)
    begun: list[MediaProcess] = []
    monkeypatch.setattr(starts, "strike", begun.append)

    async def main() -> None:
        with pytest.raises(MediaError, match=r"in\.mkv: .* is not a video"):
            await made(tmp_path / "in.mkv", tmp_path / "out.mkv")

    run(main())
    assert len(begun) <= 2, "the one that waited, and the next one that waits"


def test_a_bug_fails_the_job_and_says_so(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: MediaProcess, *_: Any) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr(MediaProcess, "open_result", broken)

    async def main() -> None:
        with pytest.raises(VidprocError, match=r"a bug in vidproc: RuntimeError\('oops'\)"):
            await made(film, tmp_path / "out.mkv")

    run(main())


def test_a_media_process_gives_way_to_the_coordinator(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many at once would else keep its loop from the processor."""
    seen: list[int] = []

    def look(_: Killer, media: MediaProcess) -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, media.pid) - os.getpriority(os.PRIO_PROCESS, 0))

    async def main() -> None:
        await made(film, tmp_path / "out.mkv")

    monkeypatch.setattr(Killer, "strike", look)
    kill_after_news(monkeypatch, 0)
    run(main())
    assert seen
    assert min(seen) > 0
