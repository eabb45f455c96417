"""A client's connection, seen from the coordinator: submissions and uploads in, progress out, and `Downloads`."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog

from vidproc.coordinator.downloads import Downloads
from vidproc.coordinator.inquiries import Inquiries
from vidproc.coordinator.job import Job
from vidproc.coordinator.outbox import Outbox
from vidproc.coordinator.submissions import Submissions
from vidproc.coordinator.tally import Tally
from vidproc.coordinator.upload_pace import LOOK_EVERY_S, UploadPace
from vidproc.errors import BusyError, ClientError, PeerError, StorageError, VidprocError, one_line
from vidproc.pipelines.plan import remembered
from vidproc.protocol.job_messages import Describe, ListAttempts, ListJobs, Remove, Rerun
from vidproc.protocol.messages import (
    Accepted,
    Cancel,
    Error,
    Fetch,
    Fetched,
    FileBlock,
    FileWanted,
    Message,
    Received,
    Submit,
    UploadBlock,
    Wanted,
    Watch,
)
from vidproc.protocol.status_messages import GetStatus
from vidproc.quantities import counted
from vidproc.storage.upload import Upload
from vidproc.tasks import ended
from vidproc.transport.session import Session

log = structlog.get_logger()


class Desk(Protocol):
    """What a client's connection needs of the coordinator."""

    @property
    def tally(self) -> Tally: ...

    def check(self, submission: Submit) -> None:
        """Raises `ClientError` for what cannot be a job, whatever its files hold."""

    async def submit(self, submission: Submit, files: Mapping[str, bytes]) -> Job | None:
        """A job that is accepted (None for a dry run); its `upload` tells what is still missing."""

    def received(self, job: Job) -> None:
        """More was written to its `upload`."""

    def cancel(self, job: Job) -> None:
        """Stop a job, if it has not ended."""

    def fail(self, job: Job, error: VidprocError) -> None:
        """The same, for a reason."""

    def fetched(self, job: Job) -> None:
        """Its client has its result."""

    def find(self, job_id: str) -> Job:
        """One that goes on, or has just ended. Raises `ClientError`."""

    async def recall(self, job_id: str) -> Job:
        """Any that is known. Raises `ClientError` or `StorageError`."""

    def fetching(self, job_id: str) -> AbstractContextManager[None]:
        """For as long as its result is read."""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """`jobs` at a time on one connection. `upload_rate`: bytes a second of an upload, at least; 0 for none."""

    jobs: int = 64
    upload_rate: int = 0


class ClientLink:
    """One client; it may have several jobs."""

    def __init__(self, session: Session, desk: Desk, inquiries: Inquiries, limits: ClientLimits) -> None:
        self._session = session
        self._desk = desk
        self._inquiries = inquiries
        self._limits = limits
        self._outbox = Outbox(session)
        self._downloads = Downloads(session, self._outbox, desk.fetching)
        self._submissions = Submissions()
        self._watched: set[Job] = set()
        self._refused: set[Job] = set()

    async def serve(self) -> None:
        beside = [asyncio.create_task(self._outbox.run()), asyncio.create_task(self._watch_pace())]
        try:
            while True:
                message, payload, _ = await self._session.receive()
                await self._answered(message, self._take(message, payload))
        finally:
            self._leave()
            await ended(*beside, *self._downloads.tasks)

    async def _watch_pace(self) -> None:
        """Cut off a client that keeps a job waiting for its film; the job waits for it to come back."""
        pace, slow = UploadPace(self._limits.upload_rate), False
        while not slow:
            await asyncio.sleep(LOOK_EVERY_S)
            slow = pace.look(any(map(self._sends, self._watched)), self._session.received)
        least = f"{self._limits.upload_rate} bytes a second (min_upload_rate)"
        self._session.fail(PeerError(f"the film came at less than {least}: send it again to go on with it"))

    def _sends(self, job: Job) -> bool:
        return job.upload is not None and job.sender is self

    def _leave(self) -> None:
        for job in self._watched:
            job.listeners.discard(self._outbox.post)
            if job.sender is self:
                job.sender = None

    async def _answered(self, message: Message, taking: Awaitable[None]) -> None:
        """An error that is the client's, or concerns one job, is an answer, and the connection goes on."""
        try:
            await taking
        except PeerError:
            raise
        except VidprocError as error:
            job_id, request = getattr(message, "job_id", ""), getattr(message, "request", 0)
            self._outbox.post(Error(error.code, one_line(str(error)), error.blame, job_id, request))

    async def _take(self, message: Message, payload: bytes | memoryview) -> None:
        match message:
            case Submit():
                await self._submit(message)
            case FileBlock():
                await self._file(message, payload)
            case UploadBlock():
                self._upload(message, payload)
            case Watch(job_id):
                self._watch(await self._desk.recall(job_id))
            case Fetch(job_id, offset):
                await self._downloads.begin(await self._desk.recall(job_id), offset)
            case Cancel(job_id):
                self._desk.cancel(await self._desk.recall(job_id))
            case Fetched(job_id):
                self._desk.fetched(await self._desk.recall(job_id))
            case ListJobs() | Describe() | ListAttempts() | Remove() | GetStatus():
                await self._session.send(await self._inquiries.answer(message))  # large: who does not read, waits
            case Rerun():
                await self._rerun(message)
            case _:
                raise PeerError(f"a client may not send {message.kind}")

    async def _submit(self, submission: Submit) -> None:
        self._demand_room()
        self._desk.check(submission)
        for sha256 in self._submissions.take(submission):
            self._outbox.post(FileWanted(sha256))
        await self._go_on()

    def _demand_room(self) -> None:
        """For one more job."""
        self._watched = {job for job in self._watched if not job.told_state.final}
        if len(self._watched) + len(self._submissions) >= self._limits.jobs:
            most = f"{counted(self._limits.jobs, 'job')} at a time (max_jobs_per_connection)"
            raise BusyError(f"one connection may have {most}: wait for one to end")

    async def _file(self, block: FileBlock, piece: bytes | memoryview) -> None:
        try:
            self._submissions.add(block, piece)
        except ValueError as error:
            raise PeerError(str(error)) from None
        await self._go_on()

    async def _go_on(self) -> None:
        """With the submissions that lack no file."""
        for submission, files in self._submissions.ready():
            await self._answered(submission, self._begin(submission, files))

    async def _begin(self, submission: Submit, files: Mapping[str, bytes]) -> None:
        job = await self._desk.submit(submission, files)
        notes = remembered(submission.job.filters)
        if job is None:
            self._outbox.post(Accepted(submission.request, "", 0, notes))
            return
        offset = job.upload.offset if job.upload else job.size
        self._outbox.post(Accepted(submission.request, job.id, offset, notes))
        job.sender = self
        self._listen(job)

    async def _rerun(self, asked: Rerun) -> None:
        self._demand_room()
        job = await self._inquiries.rerun(asked)
        self._outbox.post(Accepted(asked.request, job.id, job.size, remembered(job.spec.filters)))
        self._listen(job)

    def _listen(self, job: Job) -> None:
        self._watched.add(job)
        job.listeners.add(self._outbox.post)
        job.wanted_at = time.monotonic()

    def _watch(self, job: Job) -> None:
        """For a client that comes back, perhaps before its last connection is known to be dead, or for another one. Who
        of them sends the film is known by its first block."""
        if job.finished is not None:
            self._outbox.post(job.finished)
            return
        self._listen(job)
        if job.unwritten:
            self._outbox.post(job.progress(time.monotonic(), job.unwritten))
        if job.upload is not None:
            self._outbox.post(Received(job.id, job.upload.offset))
            if wanted := job.source.wanted:
                self._outbox.post(Wanted(job.id, wanted.start, len(wanted)))

    def _upload(self, block: UploadBlock, payload: bytes | memoryview) -> None:
        """Blocks come in order, but for those that were wanted before. One that is damaged is not taken: the answer
        says where to go on, and what comes until then is passed over without a word, or each block on its way would
        ask for the same again."""
        job = self._desk.find(block.job_id)
        upload = job.upload
        if upload is None:
            return
        job.sender = self
        self._desk.tally.upload_bytes += len(payload)
        if block.offset + len(payload) > job.size:
            raise ClientError(f"more bytes were sent than the {job.size} that were announced")
        good = zlib.crc32(payload) == block.crc32
        if good and block.offset == upload.offset:
            self._write(job, upload, payload)
            self._refused.discard(job)
        elif (good and job.source.take(block.offset, payload)) or job in self._refused:
            return
        else:
            self._refused.add(job)
        self._outbox.post(Received(job.id, upload.offset))
        self._desk.received(job)

    def _write(self, job: Job, upload: Upload, payload: bytes | memoryview) -> None:
        """What the disk does not take ends the job. Its client hears of that at once, and may be gone the next moment;
        the end itself can be written down when there is room again."""
        try:
            upload.write(payload)
        except StorageError as error:
            self._desk.fail(job, error)
            raise
