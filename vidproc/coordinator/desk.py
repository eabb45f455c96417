"""Jobs from their submission to their being forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterator, Mapping
from typing import Any

import structlog

from vidproc import filters
from vidproc.config import CoordinatorSettings
from vidproc.coordinator import endings, recovery, validation
from vidproc.coordinator.aside import Aside
from vidproc.coordinator.clearing import Clearing
from vidproc.coordinator.course import bug, run_to_its_end
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.intake import Intake
from vidproc.coordinator.job import Job
from vidproc.coordinator.media import MediaLimits, MediaProcesses
from vidproc.coordinator.tally import Tally
from vidproc.errors import (
    CancelledError,
    MediaError,
    StorageError,
    UnknownJobError,
    VidprocError,
)
from vidproc.model import JobState
from vidproc.protocol.messages import Received, Submit
from vidproc.storage.journal import Ending, Journal, Unfinished
from vidproc.storage.spool import Spool
from vidproc.storage.upload import Upload

_PROGRESS_EVERY_S = 0.5
_REMEMBERED_S = 3600.0
"""For so long a job that has ended is at hand; after that it is looked up."""

log = structlog.get_logger()


class Desk:
    """Takes jobs in, runs each as a task of its own, tells its listeners, and keeps its result for a while.

    What a client is told has been written down before: that a job is accepted, and how it ended.
    """

    def __init__(self, settings: CoordinatorSettings, spool: Spool, dispatch: Dispatch, journal: Journal) -> None:
        self._settings = settings
        self._spool = spool
        self._dispatch = dispatch
        self._journal = journal
        keep = (settings.keep, settings.keep_jobs, settings.spool_limit)
        self._clearing = Clearing(journal, *keep, self._heard_of, self.discard)
        self._aside = Aside()
        self._intake = Intake(settings, spool, dispatch, journal, self._clearing, self._aside)
        self._media = MediaProcesses(MediaLimits.of(settings))
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._forgetting: dict[str, asyncio.TimerHandle] = {}
        self._read: Counter[str] = Counter()
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def tally(self) -> Tally:
        return self._dispatch.tally

    def open(self) -> None:
        """Get ready for the first job.

        The filters come before the first child: as long as OpenCV is being imported its own folder is in `sys.path`,
        and a child that is started at that moment inherits it and finds OpenCV's `typing` in place of Python's.
        """
        for name in filters.names():
            filters.get(name)
        self._media.prepare()

    async def recover(self) -> None:
        """Go on with the jobs that other coordinators have left, and clear away what else they did."""
        left = await self._journal.recall()
        names = {each.record.id for each in left.unfinished}
        await asyncio.to_thread(self._spool.clear, names, left.results)
        self._sweeping = asyncio.create_task(self._clearing.run())
        for each in left.unfinished:
            await self._go_on(each)

    async def _go_on(self, left: Unfinished) -> None:
        job = recovery.rebuilt(left.record, self._spool)
        job.restarts += 1
        await self._note(self._journal.resume(job.id))
        log.info("job goes on", job=job.id, name=job.name, restarts=job.restarts, chunks=len(left.chunks))
        self._dispatch.jobs[job.id] = job
        job.verifying = asyncio.create_task(self._or_fail(job, self._restore(job, left)))
        self._spawn(job, self._run(job))

    async def _restore(self, job: Job, left: Unfinished) -> None:
        """See what is there of it. Its client hears at which byte of the source to go on."""
        validation.check(job.spec)
        if not job.folder.source.exists():
            raise UnknownJobError("what the coordinator held of the film is gone from its disk: send it again")
        job.take_over(await asyncio.to_thread(recovery.sound_results, job.folder, left))
        job.taken_over, job.damaged = len(job.results), len(left.chunks) - len(job.results)
        await self._intake.open_upload(job)
        if job.upload is not None:
            job.tell(Received(job.id, job.upload.offset))
            self.received(job)

    async def _or_fail(self, job: Job, doing: Awaitable[None]) -> None:
        """Nobody waits for what is done so: its error is the job's."""
        try:
            await doing
        except VidprocError as error:
            self._dispatch.fail(job, error)
        except Exception as error:
            self._dispatch.fail(job, bug(job, error))

    def check(self, submission: Submit) -> None:
        """Raises `ClientError` for what cannot be a job, whatever its files hold."""
        self._intake.check(submission)

    async def demand_room(self, size: int) -> None:
        """On the disk, for a film of so many bytes. Raises `StorageError`."""
        await self._intake.demand_room(size)

    async def submit(self, submission: Submit, files: Mapping[str, bytes]) -> Job | None:
        """A job that was checked, with all its files; it runs, or waits for its source. None for a dry run. Raises
        `ClientError` or `StorageError`."""
        job = await self._intake.submit(submission, files)
        if job is None:
            return None
        self._dispatch.jobs[job.id] = job
        held = job.source.whole
        log.info("job", job=job.id, name=job.name, filters=[spec.name for spec in job.spec.filters], held=held)
        self._spawn(job, self._run(job))
        if job.upload is not None:
            self.received(job)
        return job

    def received(self, job: Job) -> None:
        """More of a source has come."""
        assert job.upload is not None
        job.source.grow(job.upload.offset)
        if job.upload.offset == job.size:
            upload, job.upload = job.upload, None
            job.verifying = asyncio.create_task(self._or_fail(job, self._verify(job, upload)))

    async def _verify(self, job: Job, upload: Upload) -> None:
        """A job whose source is not what was announced ends, and what was made of it goes with it."""
        await asyncio.to_thread(upload.finish)
        await asyncio.to_thread(job.source.check)
        if job.error is None:
            job.arrived()
        await self._trim()

    async def _trim(self) -> None:
        if limit := self._settings.source_cache:
            try:
                await asyncio.to_thread(self._spool.trim, limit)
            except OSError as error:
                log.warning("films cannot be cleared away", error=str(error))

    def cancel(self, job: Job) -> None:
        """Stop a job. One that has ended stays as it is; one without a result is not held at hand any more."""
        if job.told_state.final and job.told_state is not JobState.DONE:
            self._forget(job)
        self._dispatch.fail(job, CancelledError("the job was cancelled"))

    def fail(self, job: Job, error: VidprocError) -> None:
        """Have a job end for a reason that lies outside its course."""
        self._dispatch.fail(job, error)

    def fetched(self, job: Job) -> None:
        """Let go of a job whose result its client has."""
        if job.told_state is JobState.DONE:
            self._forget(job)
            self.note_fetched(job)

    def note_fetched(self, job: Job) -> None:
        """Somebody has its result: that may be removed before others."""
        self._aside.begin(self._note(self._journal.fetched(job.id)))

    async def _note(self, writing: Awaitable[None]) -> None:
        """What is of little weight: the job goes on without it."""
        try:
            await writing
        except StorageError as error:
            log.warning("cannot be written down", error=str(error))
        self._clearing.soon()

    def find(self, job_id: str) -> Job:
        """One that goes on, or ended not long ago. Raises `UnknownJobError`."""
        job = self._dispatch.jobs.get(job_id)
        if job is None:
            why = "it was cancelled or forgotten, or another coordinator accepted it, or one with another data folder"
            raise UnknownJobError(f"there is no job {job_id} here: {why}")
        return job

    async def recall(self, job_id: str) -> Job:
        """The same, or one that was written down, which nobody else has. Raises `UnknownJobError` or `StorageError`."""
        if job_id not in self._dispatch.jobs and (found := await self._journal.find(job_id)):
            return recovery.ended(*found, self._spool)
        return self.find(job_id)

    @contextlib.contextmanager
    def fetching(self, job_id: str) -> Iterator[None]:
        """Its result is being read: it is not removed to make room."""
        self._read[job_id] += 1
        try:
            yield
        finally:
            self._read -= Counter([job_id])

    async def close(self) -> None:
        """Stop every job. No client is connected any more: they try to come back, and another coordinator may be there
        by then."""
        for handle in self._forgetting.values():
            handle.cancel()
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait({self._sweeping})
        if self._journal.durable:
            self._pause()
        else:
            for job in self._dispatch.jobs.values():
                self._dispatch.fail(job, CancelledError("the coordinator is stopping"))
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for job in self._dispatch.jobs.values():
            if job.upload is not None:  # of one whose task had not begun, too
                job.upload.pause()
        await self._media.close()
        if not self._journal.durable:
            for job_id in list(self._dispatch.jobs):
                self.discard(job_id)
        await self._aside.until_done()

    def _pause(self) -> None:
        if self._tasks:
            log.info("jobs are left to the next coordinator", jobs=len(self._tasks))
        self._intake.give_up()
        for task in self._tasks.values():
            task.cancel()

    def _spawn(self, job: Job, run: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(run)
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))

    async def _run(self, job: Job) -> None:
        """Cancelled when the job is left to another coordinator; then nothing is said of its end."""
        structlog.contextvars.bind_contextvars(job=job.id)  # of this task, and of those that it begins
        telling = asyncio.create_task(self._tell_progress(job))
        course = asyncio.create_task(run_to_its_end(self._dispatch, job, self._media))
        try:
            await asyncio.wait({course})
        except asyncio.CancelledError:
            await self._come_to_rest(job, course, telling)
            raise
        await self._come_to_rest(job, telling)
        await self._finish(job)

    async def _come_to_rest(self, job: Job, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait({*tasks, *([job.verifying] if job.verifying else [])})

    async def _tell_progress(self, job: Job) -> None:
        """Also the end of a job that nobody has listened to for long: nobody would fetch it."""
        job.wanted_at = time.monotonic()
        while job.awaited or time.monotonic() - job.wanted_at < self._settings.client_patience:
            job.wanted_at = time.monotonic() if job.awaited else job.wanted_at
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
        ending = self._ending(job)
        if self._journal.durable:
            ending = await endings.synced(job, ending)
        await endings.write_down(self._journal, job, ending)
        endings.note(job, ending)
        self._remember(job)
        self._intake.leave_upload(job)
        if ending.state is not JobState.DONE:
            await asyncio.to_thread(job.folder.remove)
        if isinstance(job.error, MediaError) and job.opened is None:
            await asyncio.to_thread(self._spool.forget, job.sha256)  # it is no film, and will never be one
        finished = recovery.finished(job.id, ending)
        job.recall(finished)
        self.tally.job_ended(ending.state, ending.size)
        job.tell(finished)
        self._clearing.soon()
        if ending.state is JobState.DONE:
            await asyncio.to_thread(job.folder.keep_result)

    def _ending(self, job: Job) -> Ending:
        try:
            return recovery.ending_of(job, self._slots)
        except Exception as error:
            failure = bug(job, error)
            return Ending(JobState.FAILED, time.time(), failure.code, str(failure))

    @property
    def _slots(self) -> int:
        return sum(link.slots for link in self._dispatch.workers.values())

    def _remember(self, job: Job) -> None:
        """For a while. A failed one too: a client that is between two connections would give it again."""
        if job.id not in self._forgetting:
            loop = asyncio.get_running_loop()
            self._forgetting[job.id] = loop.call_later(_REMEMBERED_S, self._forget, job)

    def _forget(self, job: Job) -> None:
        if handle := self._forgetting.pop(job.id, None):
            handle.cancel()
        self._dispatch.jobs.pop(job.id, None)

    def _heard_of(self) -> set[str]:
        """Jobs whose clients are there: they fetch the result, or may be about to."""
        return {*self._read, *(job.id for job in self._dispatch.jobs.values() if job.listeners)}

    def discard(self, job_id: str) -> None:
        """Aside: there may be thousands of files."""
        if job := self._dispatch.jobs.get(job_id):
            self._forget(job)
        self._aside.begin(asyncio.to_thread(self._spool.job(job_id).remove))
