"""Jobs from their submission to their being forgotten."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Coroutine, Mapping
from typing import Any

import psutil
import structlog

from vidproc import filters
from vidproc.config import CoordinatorSettings
from vidproc.coordinator import file_check, validation
from vidproc.coordinator.course import run_to_its_end
from vidproc.coordinator.daemons import DaemonLink
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.coordinator.media import MediaLimits, MediaProcesses
from vidproc.coordinator.results import Surroundings, metrics
from vidproc.errors import CancelledError, ClientError, MediaError, UnknownJobError, VidprocError
from vidproc.model import JobSpec, JobState
from vidproc.protocol.messages import Finished, Submit
from vidproc.storage.spool import Spool, Upload

_PROGRESS_EVERY_S = 0.5
_RESULT_KEPT_S = 3600.0

log = structlog.get_logger()


class Desk:
    """Takes jobs in, runs each as a task of its own, tells its listeners, and keeps its result for a while."""

    def __init__(self, settings: CoordinatorSettings, spool: Spool, dispatch: Dispatch) -> None:
        self._settings = settings
        self._spool = spool
        self._dispatch = dispatch
        self._media = MediaProcesses(MediaLimits.of(settings))
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._forgetting: dict[str, asyncio.TimerHandle] = {}
        self._removing: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Get ready for the first job.

        The filters come before the first child: as long as OpenCV is being imported its own folder is in `sys.path`,
        and a child that is started at that moment inherits it and finds OpenCV's `typing` in place of Python's.
        """
        for name in filters.names():
            filters.get(name)
        self._media.prepare()

    def check(self, submission: Submit) -> None:
        """Raises `ClientError` for what cannot be a job, whatever its files hold."""
        validation.check(validation.completed(submission.job, self._settings))
        self._check_source(submission)
        self._check_room()

    def _check_room(self) -> None:
        most = self._settings.max_jobs
        if sum(not job.state.final for job in self._dispatch.jobs.values()) >= most:
            raise ClientError(f"the coordinator has {most} jobs already (max_jobs): try again when one has ended")

    async def submit(self, submission: Submit, files: Mapping[str, bytes]) -> Job | None:
        """A job that was checked, with all its files. Raises `ClientError` or `StorageError`; what it accepts has a
        folder, and an upload if bytes are missing."""
        spec = validation.completed(submission.job, self._settings)
        if files:
            validation.check_files(spec, files)
            await file_check.check(spec.filters, files, self._settings.memory_limit)
        if submission.dry_run:
            return None
        job = self._new_job(submission, spec)
        self._spool.demand_room(job.size)
        job.folder.create()
        try:
            await asyncio.to_thread(job.folder.keep_files, files)
            await self._take_source(job)
        except BaseException:
            job.folder.remove()
            raise
        self._dispatch.jobs[job.id] = job
        held = job.source.whole
        log.info("job", job=job.id, name=job.name, filters=[spec.name for spec in job.spec.filters], held=held)
        self._spawn(job, self._run(job))
        if job.upload is not None:
            self.received(job)
        return job

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
        job.upload = Upload(spool, job.sha256, job.size, job.id, job.folder)
        await asyncio.to_thread(job.upload.open)

    def _free_upload(self, sha256: str) -> None:
        """One whose client is gone is gone on with by whoever submits the film anew. Should that client come back, it
        hears that its job is not known, and submits it again."""
        for job in list(self._dispatch.jobs.values()):
            if job.sha256 == sha256 and job.upload is not None and not job.listeners:
                self._leave_upload(job)
                self._dispatch.fail(job, UnknownJobError("the client was gone, and the film was submitted anew"))

    def _leave_upload(self, job: Job) -> None:
        if job.upload is not None:
            upload, job.upload = job.upload, None
            upload.abandon()

    def _check_source(self, submission: Submit) -> None:
        limit = self._settings.upload_limit
        if submission.size <= 0:
            raise ClientError(f"{submission.name} is empty")
        if limit and submission.size > limit:
            raise ClientError(f"{submission.name} has {submission.size} bytes; this coordinator takes up to {limit}")
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
        )

    def received(self, job: Job) -> None:
        """More of a source has come."""
        assert job.upload is not None
        job.source.grow(job.upload.offset)
        if job.upload.offset == job.size:
            upload, job.upload = job.upload, None
            job.verifying = asyncio.create_task(self._verify(job, upload))

    async def _verify(self, job: Job, upload: Upload) -> None:
        """A job whose source is not what was announced ends, and what was made of it goes with it."""
        try:
            await asyncio.to_thread(upload.finish)
            await asyncio.to_thread(job.source.check)
        except VidprocError as error:
            self._dispatch.fail(job, error)
            return
        if self._settings.source_cache:
            self._spool.trim(self._settings.source_cache)
        if job.error is None:
            job.arrived()

    def cancel(self, job: Job) -> None:
        """Stop a job, or forget one that ended and whose result was fetched."""
        if job.state.final:
            self._forget(job)
        else:
            self._dispatch.fail(job, CancelledError("the job was cancelled"))

    def find(self, job_id: str) -> Job:
        job = self._dispatch.jobs.get(job_id)
        if job is None:
            raise UnknownJobError(f"there is no job {job_id} here: it was cancelled, or forgotten, or never accepted")
        return job

    async def close(self) -> None:
        """Stop every job. No client is connected any more: they try to come back, and another coordinator may be there
        by then."""
        for handle in self._forgetting.values():
            handle.cancel()
        for job in self._dispatch.jobs.values():
            self._dispatch.fail(job, CancelledError("the coordinator is stopping"))
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._media.close()
        for job in list(self._dispatch.jobs.values()):
            self._remove(job)
        await asyncio.gather(*self._removing)

    def _spawn(self, job: Job, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(run)
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))

    async def _run(self, job: Job) -> None:
        telling = asyncio.create_task(self._tell_progress(job))
        course = asyncio.create_task(run_to_its_end(self._dispatch, job, self._media))
        await asyncio.wait({course})
        telling.cancel()
        await asyncio.wait({telling, *([job.verifying] if job.verifying else [])})
        await self._finish(job)

    async def _tell_progress(self, job: Job) -> None:
        """Also the end of a job that nobody has listened to for long: nobody would fetch it."""
        heard = time.monotonic()
        while job.is_waited_for or time.monotonic() - heard < self._settings.client_patience:
            heard = time.monotonic() if job.is_waited_for else heard
            job.note_queue(self._dispatch.scheduler.figures(job.id).queued)
            job.tell(job.progress(time.monotonic(), self._waiting(job)))
            await asyncio.sleep(_PROGRESS_EVERY_S)
        log.info("the job's client has not come back", job=job.id)
        self.cancel(job)

    def _waiting(self, job: Job) -> str:
        return self._dispatch.scheduler.why_waiting(job.id) if job.state is JobState.RUNNING else ""

    async def _finish(self, job: Job) -> None:
        """Tell of its end and clear away what it does not need any more: nothing is left when a failure is heard of,
        and nobody waits for a film because of what it was made of."""
        wall_s = time.monotonic() - job.submitted_at
        log.info("job ended", job=job.id, state=str(job.state), seconds=round(wall_s, 2), error=str(job.error or ""))
        finished = Finished(
            job.id,
            job.state,
            size=job.muxed.size if job.muxed else 0,
            sha256=job.muxed.sha256 if job.muxed else "",
            metrics=metrics(job, self._surroundings(job, wall_s)) if job.muxed else {},
            code=job.error.code if job.error else "",
            message=str(job.error) if job.error else "",
        )
        # A failed one is kept too: a client that is between two connections would give it again.
        loop = asyncio.get_running_loop()
        self._forgetting[job.id] = loop.call_later(_RESULT_KEPT_S, self._forget, job)
        self._leave_upload(job)
        if job.state is not JobState.DONE:
            await asyncio.to_thread(job.folder.remove)
        if isinstance(job.error, MediaError) and job.opened is None:
            self._spool.forget(job.sha256)  # it is no film, and will never be one
        job.finished = finished
        job.tell(finished)
        if job.state is JobState.DONE:
            await asyncio.to_thread(job.folder.keep_only_result)

    def _surroundings(self, job: Job, wall_s: float) -> Surroundings:
        assert job.muxed is not None
        return Surroundings(
            wall_s=wall_s,
            slots=sum(link.slots for link in self._dispatch.workers.values() if isinstance(link, DaemonLink)),
            cpu_s=time.process_time() - job.cpu_began + job.muxed.cpu_s,
            memory_mb=psutil.Process().memory_info().rss / 2**20 + job.muxed.memory_mb,
        )

    def _forget(self, job: Job) -> None:
        if handle := self._forgetting.pop(job.id, None):
            handle.cancel()
        self._dispatch.jobs.pop(job.id, None)
        self._remove(job)

    def _remove(self, job: Job) -> None:
        """Aside: there may be thousands of files."""
        task = asyncio.create_task(asyncio.to_thread(job.folder.remove))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)
