"""What a job has to pass before it is one: checks, room, its source, and a row in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping

from vidproc.config import CoordinatorSettings
from vidproc.coordinator import file_check, recovery, validation
from vidproc.coordinator.aside import Aside
from vidproc.coordinator.clearing import Clearing
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.errors import BusyError, CancelledError, ClientError, StorageError, UnknownJobError, way_out
from vidproc.model import JobSpec, JobState
from vidproc.protocol.messages import Submit
from vidproc.quantities import counted, sizes_in_words
from vidproc.storage.journal import Ending, Journal
from vidproc.storage.spool import Spool
from vidproc.storage.upload import Upload


class Intake:
    """`submit` gives a job that is written down. Of one that does not come so far nothing is left."""

    def __init__(
        self,
        settings: CoordinatorSettings,
        spool: Spool,
        dispatch: Dispatch,
        journal: Journal,
        clearing: Clearing,
        aside: Aside,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._dispatch = dispatch
        self._journal = journal
        self._clearing = clearing
        self._aside = aside
        self._coming: set[object] = set()
        self._opening: set[Upload] = set()

    def give_up(self) -> None:
        """The coordinator stops: what is held of films is not hashed any further."""
        for upload in self._opening:
            upload.give_up()

    def check(self, submission: Submit) -> None:
        """Raises `ClientError` for what cannot be a job, whatever its files hold, and `BusyError`."""
        validation.check(validation.completed(submission.job, self._settings))
        self._check_source(submission)
        self._check_room()

    def _check_room(self) -> None:
        most = self._settings.max_jobs
        if sum(not job.told_state.final for job in self._dispatch.jobs.values()) + len(self._coming) >= most:
            there = f"{counted(most, 'job')} already (max_jobs)"
            raise BusyError(f"the coordinator has {there}: try again when one has ended")

    async def submit(self, submission: Submit, files: Mapping[str, bytes]) -> Job | None:
        """A job that was checked, with all its files. Raises `ClientError`, `BusyError` or `StorageError`; what it
        accepts has a folder, and an upload if bytes are missing."""
        self._check_room()
        coming = object()
        self._coming.add(coming)
        try:
            return await self._take_in(submission, files)
        finally:
            self._coming.discard(coming)

    async def _take_in(self, submission: Submit, files: Mapping[str, bytes]) -> Job | None:
        spec = validation.completed(submission.job, self._settings)
        if files:
            validation.check_files(spec, files)
            await file_check.check(spec.filters, files, self._settings.memory_limit)
        if submission.dry_run:
            await self._foresee_room(submission)
            return None
        job = self._new_job(submission, spec)
        await self.demand_room(job.size, job.sha256)
        job.folder.create()
        try:
            await asyncio.to_thread(job.folder.keep_files, files)
            await self._take_source(job)
            await self._write_down(job)
        except BaseException:
            self.leave_upload(job)
            await asyncio.shield(self._aside.begin(asyncio.to_thread(job.folder.remove)))
            raise
        return job

    async def _foresee_room(self, submission: Submit) -> None:
        """Whether `demand_room` would find it; nothing is removed for that."""
        if missing := self._spool.missing_room(submission.size):
            films = await asyncio.to_thread(self._spool.room_to_make, submission.sha256)
            if missing > films + await self._clearing.room_to_make():
                self._spool.demand_room(submission.size)

    async def demand_room(self, size: int, sha256: str = "") -> None:
        """For a film of so many bytes. Films that are kept for other jobs go before one is refused, and then results
        that somebody has. Raises `StorageError`."""
        if missing := self._spool.missing_room(size):
            await asyncio.to_thread(self._spool.make_room, missing, sha256)
        if missing := self._spool.missing_room(size):
            await self._clearing.make_room(missing)
            await self._aside.until_done()
        self._spool.demand_room(size)

    async def _take_source(self, job: Job) -> None:
        """A source that is held becomes the job's; otherwise the job has an upload now. One that was kept by an earlier
        coordinator, or that somebody has written to, is hashed first."""
        spool = self._spool
        if spool.take(job.sha256, job.size, job.folder) and (
            spool.trusts(job.sha256, job.folder) or await asyncio.to_thread(spool.verify, job.sha256, job.folder)
        ):
            job.arrived()
            return
        self._free_upload(job.sha256)
        await self.open_upload(job)

    async def open_upload(self, job: Job) -> None:
        """Take over what is held of its source. Raises `StorageError`."""
        upload = Upload(self._spool, job.sha256, job.size, job.id, job.folder)
        self._opening.add(upload)
        try:
            await asyncio.to_thread(upload.open)
        finally:
            self._opening.discard(upload)
        job.upload = upload

    async def _write_down(self, job: Job) -> None:
        if self._journal.durable:
            await asyncio.to_thread(job.folder.sync)
        writing = asyncio.create_task(self._journal.accept(recovery.record_of(job)))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            self._aside.begin(self._take_back(job, writing))
            raise

    async def _take_back(self, job: Job, writing: asyncio.Task[None]) -> None:
        """The coordinator stops while a job is written down, and its client has not heard that it was accepted. The
        next one is not to take it for a job whose files it has lost."""
        with contextlib.suppress(StorageError):
            await writing
            ending = Ending(JobState.CANCELLED, time.time(), CancelledError.code, "the coordinator was stopping")
            await self._journal.end(job.id, ending)

    def _free_upload(self, sha256: str) -> None:
        """One whose client is gone is gone on with by whoever submits the film anew. Should that client come back, it
        hears that its job is not known, and submits it again."""
        for job in list(self._dispatch.jobs.values()):
            if job.sha256 == sha256 and job.upload is not None and not job.listeners:
                self.leave_upload(job)
                self._dispatch.fail(job, UnknownJobError("the client was gone, and the film was submitted anew"))

    def leave_upload(self, job: Job) -> None:
        """What has come is for the next job on the same film."""
        if job.upload is not None:
            upload, job.upload = job.upload, None
            upload.abandon()

    def _check_source(self, submission: Submit) -> None:
        limit = self._settings.upload_limit
        if submission.size <= 0:
            raise ClientError(f"{submission.name} is empty")
        if limit and submission.size > limit:
            size, most = sizes_in_words(submission.size, limit)
            has = f"{submission.name} has {size}"
            raise ClientError(f"{has}; this coordinator takes up to {most}; {way_out('upload_limit')}")
        self._spool.source(submission.sha256)

    def _new_job(self, submission: Submit, spec: JobSpec) -> Job:
        job_id = secrets.token_hex(8)
        return Job(
            job_id,
            spec,
            submission.name,
            submission.size,
            submission.sha256,
            self._spool.job(job_id),
            submitted_at=time.monotonic(),
            cpu_began=time.process_time(),
            detached=submission.detached,
            paths=submission.paths,
        )
