"""What clients ask about jobs, past and present: the journal's history, of jobs that go on how far they are now, and
what goes on at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.coordinator.live import status
from vidproc.errors import ClientError, StorageError, UnknownJobError
from vidproc.model import Attempt, JobSpec, JobSummary, Paths
from vidproc.protocol.framing import pack
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
from vidproc.protocol.messages import Message, Submit
from vidproc.protocol.status_messages import GetStatus
from vidproc.protocol.structure import to_plain
from vidproc.storage.history import Entry
from vidproc.storage.journal import Journal
from vidproc.storage.spool import Spool

Question = ListJobs | Describe | ListAttempts | Remove | GetStatus

_LONGEST = 255
"""Characters of what others wrote, in a list: names of films and daemons, errors, parameters."""

_LARGEST_SPEC = 240 * 1024
"""Bytes of what was asked for, without the text of filters, that are shown with their parameters."""

_NAMED = 4
"""Of the jobs that share the beginning of an id."""


class Desk(Protocol):
    """What can be done about a job: see `desk.py`."""

    def check(self, submission: Submit) -> None: ...

    async def submit(self, submission: Submit, files: Mapping[str, bytes]) -> Job | None: ...

    def cancel(self, job: Job) -> None: ...

    def discard(self, job_id: str) -> None:
        """Remove the files of a job that has ended."""


class Inquiries:
    """`answer` questions once the journal is open. All raise `UnknownJobError`, `ClientError` and `StorageError`."""

    def __init__(self, journal: Journal, dispatch: Dispatch, spool: Spool, desk: Desk) -> None:
        self._journal = journal
        self._dispatch = dispatch
        self._spool = spool
        self._desk = desk
        self._began_at = time.monotonic()

    async def answer(self, question: Question) -> Message:
        match question:
            case ListJobs():
                return await self._list(question)
            case Describe(request, job_id):
                return self._description(request, await self._find(job_id))
            case ListAttempts(request, job_id, offset):
                return await self._attempts(request, (await self._find(job_id)).summary.id, offset)
            case Remove(request, job_id):
                return await self._remove(request, (await self._find(job_id)).summary.id)
            case GetStatus(request):
                return status(self._dispatch, request, time.monotonic() - self._began_at)

    async def rerun(self, question: Rerun) -> Job:
        """A new job that does what another has done, with the source and the files that are held still."""
        entry = await self._find(question.job_id)
        it = entry.summary
        again = f"so job {it.id} cannot be run again: send the film again"
        if not entry.spec.filters:  # a job has some, if only those that jobs have which name none
            raise StorageError(f"what was asked for cannot be read any more, {again}")
        paths = Paths(entry.paths.source)
        submission = Submit(0, entry.spec, it.size, entry.sha256, it.name, detached=question.detached, paths=paths)
        self._desk.check(submission)
        if not self._spool.holds(entry.sha256, it.size):
            raise ClientError(f"{it.name} is no longer here, {again}")
        try:
            files = await asyncio.to_thread(self._spool.job(it.id).kept_files, entry.spec.files)
        except OSError:
            raise ClientError(f"a file that a filter names is no longer here, {again}") from None
        job = await self._desk.submit(submission, files)
        assert job is not None  # it was no dry run
        if job.upload is not None:
            self._desk.cancel(job)
            raise ClientError(f"what was held of {it.name} is damaged, {again}")
        return job

    async def _find(self, beginning: str) -> Entry:
        history = self._journal.history()
        found = await history.ids(beginning.lower(), _NAMED + 1) if beginning else ()
        if len(found) > 1:
            some = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
            raise ClientError(f"several jobs' ids begin with {beginning}: {some}. Give more of it")
        entry = await history.find(found[0]) if found else None
        if entry is None:
            where = "vidproc jobs list, or GET /api/v1/jobs, tells which there are"
            raise UnknownJobError(f"there is no job {beginning[:_LONGEST]} here: {where}")
        return entry

    # Lists

    async def _list(self, asked: ListJobs) -> Jobs:
        found = [self._now(entry.summary) for entry in await self._entries(asked)]
        return Jobs(asked.request, tuple(map(_short, found[: asked.limit])), len(found) > asked.limit)

    async def _entries(self, asked: ListJobs) -> Sequence[Entry]:
        """One more than is wanted, if there are so many. Which job is in a state that is not final is known here
        alone."""
        history = self._journal.history()
        before = (await self._find(asked.before)).summary.id if asked.before else ""
        if asked.state is None or asked.state.final:
            return await history.page(asked.limit + 1, before, asked.state)
        there = [job.id for job in self._dispatch.jobs.values() if job.told_state is asked.state]
        return await history.among(there, asked.limit + 1, before)

    def _now(self, written: JobSummary) -> JobSummary:
        """What was written down, with what is known of a job that goes on."""
        job = self._under_way(written.id)
        if job is None:
            return written
        return replace(written, state=job.told_state, frames_done=job.frames_done, frames_total=job.frames_total)

    def _under_way(self, job_id: str) -> Job | None:
        job = self._dispatch.jobs.get(job_id)
        return job if job is not None and job.finished is None else None

    # One job

    def _description(self, request: int, entry: Entry) -> Description:
        summary = _short(self._now(entry.summary))
        folder = str(self._spool.job(summary.id).path.absolute())
        spec = _without_code(entry.spec)
        return Description(request, summary, spec, entry.sha256, entry.result_sha256, entry.paths, folder)

    async def _attempts(self, request: int, job_id: str, offset: int) -> Attempts:
        """Those that have ended, then those under way, as they are at this moment."""
        going_on = self._dispatch.attempts(job_id)
        ended, total = await self._journal.history().attempts(job_id, offset, PAGE)
        there = [*ended, *going_on[max(0, offset - total) :]] if offset + len(ended) >= total else ended
        return Attempts(request, tuple(map(_short_attempt, there[:PAGE])), total + len(going_on))

    async def _remove(self, request: int, job_id: str) -> Removed:
        if (job := self._under_way(job_id)) is not None:
            raise ClientError(f"job {job_id} is {job.told_state}: cancel it before it is removed")
        await self._journal.history().remove(job_id)
        self._desk.discard(job_id)
        return Removed(request, job_id)


def _short(it: JobSummary) -> JobSummary:
    return replace(it, name=it.name[:_LONGEST], message=it.message[:_LONGEST])


def _short_attempt(it: Attempt) -> Attempt:
    return replace(it, worker=it.worker[:_LONGEST], message=it.message[:_LONGEST])


def _without_code(spec: JobSpec) -> JobSpec:
    """What fits beside other things into a header. A job came in one of its own, so only parameters can be too long."""
    shown = replace(spec, filters=tuple(replace(it, code="") for it in spec.filters))
    if sum(map(len, pack(to_plain(shown)))) <= _LARGEST_SPEC:
        return shown
    return replace(shown, filters=tuple(replace(it, params={}) for it in shown.filters))
