"""Submissions whose files are on their way: over real sockets, and what one connection may have of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import run
from tests.coordinator.test_clients import FILM, accepted, answer, refusal, served, submission
from tests.filters.sample_files import SAMPLES
from vidproc.coordinator.submissions import Submissions
from vidproc.errors import ClientError, PeerError
from vidproc.model import MOST_FILE_BYTES, FilterSpec, JobSpec
from vidproc.protocol.messages import Accepted, Error, FileBlock, FileWanted, Submit
from vidproc.transport.session import Session

LOGO = SAMPLES["overlay"]
BROKEN = LOGO[:-20]


def naming(*files: bytes, request: int = 1) -> Submit:
    """A submission with a picture for each of these files."""
    names = [hashlib.sha256(data).hexdigest() for data in files]
    filters = tuple(FilterSpec("overlay", {"file": name}) for name in names)
    sizes = dict(zip(names, map(len, files), strict=True))
    return submission(request=request, job=JobSpec(filters, files=sizes))


async def give(client: Session, data: bytes) -> None:
    wanted = await answer(client, FileWanted)
    assert wanted.sha256 == hashlib.sha256(data).hexdigest()
    await client.send(FileBlock(wanted.sha256, 0), data[:100])
    await client.send(FileBlock(wanted.sha256, 100), data[100:])


@pytest.mark.process
def test_a_job_is_accepted_when_its_files_are_good(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            await client.send(naming(LOGO))
            await give(client, LOGO)
            job = await answer(client, Accepted)
            assert job.offset == 0
            (kept,) = (at.folder / "jobs" / job.job_id / "files").iterdir()
            assert kept.read_bytes() == LOGO

    run(main())


@pytest.mark.process
def test_a_broken_file_is_refused_before_the_film_is_sent_and_the_connection_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            for dry_run in (True, False):
                await client.send(replace(naming(BROKEN, request=5), dry_run=dry_run))
                await give(client, BROKEN)
                error = await answer(client, Error)
                assert (error.code, error.request) == ("bad-parameter", 5)
                assert error.message.startswith("overlay: file: the picture can't be decoded")
            assert at.jobs == []
            await accepted(client)

    run(main())


@pytest.mark.process
def test_a_dry_run_looks_into_the_files_and_makes_no_job(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            await client.send(replace(naming(LOGO), dry_run=True))
            await give(client, LOGO)
            assert await answer(client, Accepted) == Accepted(1, "", 0)
            assert at.jobs == []

    run(main())


@pytest.mark.process
def test_files_that_do_not_fit_the_job_are_refused_before_they_are_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            good = naming(LOGO)
            for job, words in (
                (replace(good.job, files={}), "a file is named that does not go with the job"),
                (replace(good.job, files={name: 2**30 for name in good.job.files}), "not of 1073741824 bytes"),
                (replace(good.job, filters=(FilterSpec("blur"),)), "no filter names the file"),
            ):
                assert words in (await refusal(client, replace(good, job=job))).message

    run(main())


@pytest.mark.process
def test_a_file_that_is_here_already_must_have_the_size_that_is_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            first, second = naming(LOGO), naming(LOGO, request=2)
            await client.send(first)
            await client.send(replace(second, job=replace(second.job, files=dict.fromkeys(second.job.files, 5))))
            await give(client, LOGO)
            assert (await answer(client, Accepted)).request == 1
            error = await answer(client, Error)
            assert (error.request, error.message.endswith(f"has {len(LOGO)} bytes, and not 5")) == (2, True)

    run(main())


@pytest.mark.process
def test_other_bytes_than_were_announced_end_the_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            await client.send(naming(LOGO))
            await answer(client, FileWanted)
            with pytest.raises(PeerError, match="a file that came does not match its size and SHA-256"):
                await refusal(client, FileBlock(hashlib.sha256(LOGO).hexdigest(), 0), FILM[: len(LOGO)])

    run(main())


@pytest.mark.unit
def test_a_file_that_two_want_is_asked_for_once_and_held_for_as_long_as_it_is_wanted() -> None:
    waiting, first, second = Submissions(), naming(LOGO), naming(LOGO, BROKEN)
    logo, broken = second.job.files
    assert waiting.take(first) == [logo]
    assert waiting.take(second) == [broken]
    waiting.add(FileBlock(logo, 0), LOGO)
    assert list(waiting.ready()) == [(first, {logo: LOGO})]
    assert waiting.take(first) == []
    assert list(waiting.ready()) == [(first, {logo: LOGO})]
    waiting.add(FileBlock(broken, 0), BROKEN)
    assert list(waiting.ready()) == [(second, {logo: LOGO, broken: BROKEN})]
    assert waiting.take(first) == [logo]


@pytest.mark.unit
def test_what_waits_on_one_connection_is_bounded() -> None:
    large = naming(LOGO)
    large = replace(large, job=replace(large.job, files=dict.fromkeys(large.job.files, MOST_FILE_BYTES)))
    waiting = Submissions()
    waiting.take(large)
    with pytest.raises(ClientError, match="64 MiB of jobs' files"):
        waiting.take(naming(BROKEN))
    for _ in range(15):
        waiting.take(large)
    with pytest.raises(ClientError, match="16 jobs whose files"):
        waiting.take(large)
