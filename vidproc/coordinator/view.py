"""The coordinator as pages, scripts and monitors see it: what goes on and what went on, and the few things to be done.

This is the one way in from outside the protocol. What is here is plain data or raises `VidprocError`; nobody behind it
knows jobs' tasks, the scheduler or the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from vidproc._version import __version__
from vidproc.config import CoordinatorSettings
from vidproc.coordinator import health, readings
from vidproc.coordinator.desk import Desk
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.gallery import Gallery, OnShow
from vidproc.coordinator.health import Component
from vidproc.coordinator.inquiries import Inquiries
from vidproc.coordinator.live import JobNow, job_now, jobs_now, workers_now
from vidproc.coordinator.readings import Readings
from vidproc.coordinator.tally import Tally
from vidproc.coordinator.uploads import Uploads
from vidproc.errors import ClientError, ConflictError, GoneError, UnknownJobError, UnknownWorkerError
from vidproc.model import Attempt, JobSpec, JobState, JobSummary
from vidproc.protocol.job_messages import (
    PAGE,
    Attempts,
    Describe,
    Description,
    Jobs,
    ListAttempts,
    ListJobs,
    Remove,
    Rerun,
)
from vidproc.protocol.messages import Finished, Submit
from vidproc.status import JobBrief, WorkerNow
from vidproc.storage.journal import Journal

_T = TypeVar("_T")


class Result(Struct, frozen=True):
    """The film that a job has made: its `name` is the source's, `size` in bytes."""

    job_id: str
    path: Path
    name: str
    container: str
    size: int
    sha256: str


class View:
    """`began_at` is when the coordinator started, in seconds since 1970. `uploads` are the films that come in this
    way, `gallery` has what is to be seen."""

    def __init__(
        self,
        settings: CoordinatorSettings,
        journal: Journal,
        dispatch: Dispatch,
        desk: Desk,
        inquiries: Inquiries,
        uploads: Uploads,
        gallery: Gallery,
    ) -> None:
        self.uploads = uploads
        self._settings = settings
        self._journal = journal
        self.name = settings.name
        self.version = __version__
        self.began_at = time.time()
        self.gallery = gallery
        self._dispatch = dispatch
        self._desk = desk
        self._inquiries = inquiries

    # What is known of jobs

    async def jobs(self, limit: int = PAGE, before: str = "", state: JobState | None = None) -> Jobs:
        """The newest, `PAGE` at most; `before` names the last of the page before."""
        answer = await self._inquiries.answer(_asked(ListJobs, 0, limit, state, before))
        assert isinstance(answer, Jobs)
        return answer

    async def job(self, job_id: str) -> Description:
        """By its id, or by so much of its beginning that it is the only one."""
        answer = await self._inquiries.answer(_asked(Describe, 0, job_id))
        assert isinstance(answer, Description)
        return answer

    async def attempts(self, job_id: str, offset: int = 0) -> tuple[tuple[Attempt, ...], int]:
        """A page of its leases, in the order of their ends, and how many there are."""
        answer = await self._inquiries.answer(_asked(ListAttempts, 0, job_id, offset))
        assert isinstance(answer, Attempts)
        return answer.attempts, answer.total

    async def end(self, job_id: str) -> Finished | None:
        """How it ended, with its figures; None of one that goes on."""
        return (await self._desk.recall(job_id)).finished

    # What they have made

    async def result(self, job_id: str) -> Result:
        """Raises `ConflictError` of a job that has made none, `GoneError` where that was removed."""
        found = await self.job(job_id)
        it = found.summary
        if it.state is not JobState.DONE:
            raise ConflictError(f"job {it.id} has no result to fetch: it is {it.state}")
        path = (await self._desk.recall(it.id)).folder.result
        if not path.exists():
            raise GoneError(f"the result of job {it.id} is no longer here; run it again")
        return Result(it.id, path, it.name, it.container, it.result_size, found.result_sha256)

    def fetching(self, job_id: str) -> AbstractContextManager[None]:
        """For as long as its result is read: it is not removed meanwhile."""
        return self._desk.fetching(job_id)

    async def fetched(self, job_id: str) -> None:
        """Somebody has the whole result: it may go before others."""
        self._desk.note_fetched(await self._desk.recall(job_id))

    async def on_show(self, job_id: str = "") -> OnShow:
        """What there is to see of a job, by its id or the beginning of it, or without either of the newest that has
        anything to show."""
        try:
            return await self.gallery.on_show(job_id)
        except UnknownJobError:
            return await self.gallery.on_show((await self.job(job_id)).summary.id)

    # What goes on

    def job_now(self, job_id: str) -> JobNow:
        """One that goes on, or ended not long ago. Raises `UnknownJobError`."""
        return job_now(self._dispatch, self._desk.find(job_id))

    def running(self) -> tuple[JobBrief, ...]:
        """All that go on, in a line each."""
        return jobs_now(self._dispatch)

    # Daemons

    def workers(self) -> tuple[WorkerNow, ...]:
        """By name, those that are connected."""
        return workers_now(self._dispatch)

    def drain(self, worker: str) -> None:
        """It gets nothing more, and leaves when it is done. Raises `UnknownWorkerError`."""
        link = self._dispatch.workers.get(worker)
        if link is None:
            raise UnknownWorkerError(f"there is no worker {worker} here")
        link.ask_to_drain()

    # The coordinator itself

    @property
    def tally(self) -> Tally:
        """What has happened since it began."""
        return self._dispatch.tally

    async def readings(self) -> Readings:
        """What is at this moment, in figures."""
        return await readings.take(self._settings.data_dir, self._dispatch, self.uploads)

    async def health(self) -> tuple[Component, ...]:
        """What a job needs, and whether it is there."""
        return await health.look(self._settings.data_dir, self._journal, self._dispatch)

    # What is done to jobs

    def check(self, spec: JobSpec, name: str) -> None:
        """Raises `ClientError` for what can be no job, whichever film it is for."""
        self._desk.check(_asked(Submit, 0, spec, 1, "0" * 64, name))

    async def submit(self, spec: JobSpec, name: str, size: int, sha256: str, files: Mapping[str, bytes]) -> JobSummary:
        """A job on a film that is held. It goes on whoever is there to see it."""
        submission = _asked(Submit, 0, spec, size, sha256, name, detached=True)
        self._desk.check(submission)
        job = await self._desk.submit(submission, files)
        assert job is not None  # it was no dry run
        if job.upload is not None:
            self._desk.cancel(job)
            raise ClientError(f"{name} is no longer here: send it again")
        return (await self.job(job.id)).summary

    async def cancel(self, job_id: str) -> None:
        self._desk.cancel(await self._desk.recall((await self.job(job_id)).summary.id))

    async def rerun(self, job_id: str) -> JobSummary:
        """A new job that does the same."""
        job = await self._inquiries.rerun(_asked(Rerun, 0, job_id, detached=True))
        return (await self.job(job.id)).summary

    async def remove(self, job_id: str) -> None:
        """With its result. Raises `ClientError` for one that goes on."""
        await self._inquiries.answer(_asked(Remove, 0, job_id))


def _asked(kind: Callable[..., _T], *given: Any, **more: Any) -> _T:
    """What is asked of those who are used to messages. Raises `ClientError` for what no message would hold."""
    try:
        return kind(*given, **more)
    except ValueError as error:
        raise ClientError(str(error)) from None
