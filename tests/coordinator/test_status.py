"""All that goes on, in one message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.coordinator.jobs import FRAMES, finish, job_in, join, run, submit
from tests.coordinator.talk import answer
from tests.coordinator.test_clients import accepted, served, submission
from vidproc.coordinator import live
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.model import JobState
from vidproc.protocol.framing import PREFIX, pack
from vidproc.protocol.shape import Limits, check_shape
from vidproc.protocol.status_messages import MOST_ROWS, GetStatus, Status
from vidproc.transport.session import Session


@asynccontextmanager
async def dispatching() -> AsyncIterator[Dispatch]:
    made = Dispatch()
    try:
        yield made
    finally:
        made.close()


def into(job: Job, state: JobState) -> Job:
    """By the way that all jobs go."""
    for each in JobState:
        if job.state is state:
            break
        if each is not JobState.UPLOADING:
            job.enter(each)
    return job


async def asked(client: Session) -> Status:
    await client.send(GetStatus(7))
    return await answer(client, Status)


def test_jobs_and_daemons_are_told_of_with_their_sums(tmp_path: Path) -> None:
    async def main() -> None:
        async with dispatching() as dispatch:
            busy, idle = join(dispatch, "b", slots=2), join(dispatch, "a", slots=2)
            job = job_in(tmp_path, chunks=3)
            into(job, JobState.RUNNING)
            submit(dispatch, job)
            finish(dispatch, busy.leases[0].lease)
            told = live.status(dispatch, 7, 60.04)
            assert (told.request, told.up_s, told.slots, told.queued) == (7, 60.0, 4, 0)
            assert [it.name for it in told.workers] == ["a", "b"]
            assert told.busy == sum(it.busy for it in told.workers) == len(busy.leases + idle.leases) - 1
            (brief,) = told.jobs
            assert (brief.id, brief.state, brief.slots) == ("j", JobState.RUNNING, told.busy)
            assert brief.frames_done == FRAMES

    run(main())


def test_a_slot_works_on_the_oldest_of_its_leases(tmp_path: Path) -> None:
    """The next one was sent ahead; it is in hand when that is done."""

    async def main() -> None:
        async with dispatching() as dispatch:
            link = join(dispatch, "w")
            for name in ("first", "second"):
                submit(dispatch, into(job_in(tmp_path, name, chunks=1), JobState.RUNNING))
            one, other = link.leases
            assert other.ahead
            for lease in (one, other):
                told = live.status(dispatch, 7, 0.0)
                assert [it.id for it in told.jobs if it.slots] == [lease.job]
                assert (told.busy, told.queued) == (1, 0)
                finish(dispatch, lease.lease)
            assert live.status(dispatch, 7, 0.0).busy == 0

    run(main())


def test_what_waits_is_counted_and_why(tmp_path: Path) -> None:
    async def main() -> None:
        async with dispatching() as dispatch:
            job = job_in(tmp_path, chunks=3)
            into(job, JobState.RUNNING)
            submit(dispatch, job)
            told = live.status(dispatch, 7, 0.0)
            assert (told.queued, told.jobs[0].waiting) == (3, "no worker daemon is connected")

    run(main())


def test_what_was_lost_with_a_daemon_says_so_and_nobody_knows_how_long_the_rest_takes(tmp_path: Path) -> None:
    async def main() -> None:
        async with dispatching() as dispatch:
            link, job = join(dispatch, "w"), job_in(tmp_path, chunks=3)
            into(job, JobState.RUNNING)
            submit(dispatch, job)
            finish(dispatch, link.leases[0].lease)
            job.frames_total = 3 * FRAMES
            job.progress(job.submitted_at + 1, "")
            assert live.job_now(dispatch, job).seconds_left is not None
            dispatch.worker_lost(link)  # type: ignore[arg-type]
            told = live.job_now(dispatch, job)
            assert told.fps > 0
            assert (told.seconds_left, told.waiting) == (None, "no worker daemon is connected")
            assert {line.reason for line in told.log} == {"its daemon's connection ended"}

    run(main())


def test_jobs_near_their_end_come_first_and_then_the_oldest(tmp_path: Path) -> None:
    states = [JobState.UPLOADING, JobState.RUNNING, JobState.MUXING, JobState.INDEXING, JobState.RUNNING]

    async def main() -> None:
        async with dispatching() as dispatch:
            for number, state in enumerate(states):
                dispatch.jobs[f"{number}"] = into(job_in(tmp_path, f"{number}"), state)
            assert [it.id for it in live.status(dispatch, 7, 0.0).jobs] == ["2", "1", "4", "3", "0"]

    run(main())


def test_the_longest_fits_a_header(tmp_path: Path) -> None:
    long = "\N{GRINNING FACE}"
    versions = {f"{number}{long * 60}": long * 60 for number in range(20)}

    async def main() -> None:
        async with dispatching() as dispatch:
            for number in range(MOST_ROWS + 2):
                join(dispatch, f"{number:02}{long * 253}", slots=99).versions = versions
                job = into(job_in(tmp_path, f"{number:02}"), JobState.RUNNING)
                job.name = job.unwritten = long * 1024
                dispatch.jobs[job.id] = job
            told = live.status(dispatch, 7, 1e9)
            assert (told.workers_total, told.jobs_total) == (MOST_ROWS + 2, MOST_ROWS + 2)
            assert (len(told.workers), len(told.jobs)) == (MOST_ROWS, MOST_ROWS)
            assert [it.name[:2] for it in told.workers] == [it.id for it in told.jobs]
            (frame,) = pack(told.to_header())
            header = bytes(frame)[PREFIX.size :]
            assert len(header) < Limits().header
            check_shape(header, Limits())

    run(main())


def test_a_client_that_asks_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            assert (await asked(client)).jobs == ()
            job = await accepted(client, submission())
            told = await asked(client)
            assert (told.request, told.workers, told.jobs_total) == (7, (), 1)
            assert (told.jobs[0].id, told.jobs[0].state) == (job.job_id, JobState.UPLOADING)

    run(main())
