"""A job for a coordinator elsewhere: submit it, send its film, and wait for the result, or leave it there.

A connection that breaks is opened again, and the job is watched again: an upload goes on at the byte that the
coordinator says, a download at the byte that was written. A coordinator that has lost the job is given it again; the
result will have the same bytes, so even a download goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from msgspec import structs

from vidproc.client import download, films, specs
from vidproc.client.endpoint import Endpoint
from vidproc.client.files import gathered
from vidproc.client.head_start import HeadStart, submission
from vidproc.client.held import HeldJob
from vidproc.client.lasting import next_message, open_session
from vidproc.client.news import Listener, SubmittedAgain, Uploading
from vidproc.client.sending import Sending, send_file
from vidproc.errors import ClientError, PeerError, UnknownJobError, from_code
from vidproc.model import JobSpec, JobState
from vidproc.protocol.messages import Accepted, FileWanted, Finished, Message, Progress, Received, Submit, Wanted, Watch
from vidproc.quantities import size_in_words
from vidproc.transport.connect import adopt
from vidproc.transport.session import Session

_T = TypeVar("_T")


class RemoteJob(HeldJob):
    """One job from its submission to its result. `files` are what it names by SHA-256."""

    def __init__(
        self,
        endpoint: Endpoint,
        submission: Submit,
        files: Mapping[str, bytes],
        source: films.Source,
        tell: Listener,
        begun: HeadStart | None = None,
    ) -> None:
        super().__init__(endpoint, "", source.name, tell, owned=True)
        self._begun = begun
        self._submission = submission
        self._files = files
        self._source = source
        self._frames_done = 0

    async def run(self, out: download.Opening) -> dict[str, Any]:
        """The metrics of the job. `out(size)` is asked once, when the result is ready, for the file to write it to."""
        self._download = download.Download(out, self._tell)
        return await self._lasting(self._fetched, await self._head_start())

    async def hand_over(self) -> str:
        """The job's id, when the coordinator has all of the film and needs nobody any more."""
        await self._lasting(self._handed_over, await self._head_start())
        return self._job_id

    async def ask(self) -> tuple[str, ...]:
        """Only have the job checked, and say what there is to know of it. Raises what is wrong with it."""
        async with await open_session(self._endpoint) as session:
            return (await self._ask_for(session, dry_run=True)).notes

    async def _head_start(self) -> Session | None:
        return await adopt(self._begun.sock, self._begun.connection, self._endpoint.address) if self._begun else None

    # Submission

    async def _fetched(self, session: Session) -> dict[str, Any]:
        while True:
            try:
                return await super()._fetched(session)
            except UnknownJobError as error:
                self._tell(SubmittedAgain(str(error)))
                self._job_id, self._finished = "", None

    async def _handed_over(self, session: Session) -> None:
        while True:
            try:
                await self._delivered(session)
                return
            except UnknownJobError as error:
                self._tell(SubmittedAgain(str(error)))
                self._job_id = ""

    async def _ask_for(self, session: Session, dry_run: bool) -> Accepted:
        begun, self._begun = self._begun, None
        if begun is None:
            try:
                await session.send(structs.replace(self._submission, dry_run=dry_run))
            except UnicodeEncodeError as error:  # what is no text in an option comes as lone surrogates
                raise ClientError(f"{error.object!r} is no UTF-8 text") from None
        while isinstance(message := (await next_message(session))[0], FileWanted):
            await self._send_file(session, message.sha256)
        if not isinstance(message, Accepted):
            raise PeerError(f"the coordinator answered a submission with {message.kind}")
        return message

    async def _send_file(self, session: Session, sha256: str) -> None:
        if sha256 not in self._files:
            raise PeerError("the coordinator wants a file that is none of the job's")
        await send_file(session, sha256, self._files[sha256])

    # Upload, and watching

    async def _sending(self, session: Session) -> Sending:
        """Begin, or go on: the answer to `Watch` says where, if bytes are still missing."""
        if self._job_id:
            await session.send(Watch(self._job_id))
            offset = self._source.size
        else:
            accepted = await self._ask_for(session, dry_run=False)
            self._job_id, offset = accepted.job_id, accepted.offset
        sending = Sending(session, self._job_id, self._source)
        if offset < self._source.size:
            sending.received(offset)
        return sending

    async def _followed(self, session: Session) -> Finished:
        sending = await self._sending(session)

        async def ended() -> Finished:
            while not isinstance(message := await self._heard(session, sending), Finished):
                pass
            return message

        return await _beside(ended(), sending.run())

    async def _delivered(self, session: Session) -> None:
        """Until the coordinator says that the source is what was announced. Raises what the job failed with."""
        sending = await self._sending(session)

        async def whole() -> Message:
            while not _past_upload(message := await self._heard(session, sending)):
                pass
            return message

        message = await _beside(whole(), sending.run())
        if isinstance(message, Finished) and message.state is not JobState.DONE:
            raise from_code(message.code, f"{self._name}: {message.message}")

    async def _heard(self, session: Session, sending: Sending) -> Message:
        """The next message; whoever it concerns has been told."""
        message = await self._next(session)
        match message:
            case Received(_, offset):
                sending.received(offset)
                self._tell(Uploading(offset, self._source.size, self._frames_done))
            case Wanted(_, offset, size):
                sending.wanted(offset, size)
            case Progress():
                self._frames_done = message.frames_done
                if message.state is not JobState.UPLOADING:
                    self._tell(message)
        return message


def _past_upload(message: Message) -> bool:
    return isinstance(message, Finished | Progress) and message.state is not JobState.UPLOADING


async def _beside(main: Coroutine[Any, Any, _T], other: Coroutine[Any, Any, None]) -> _T:
    """What `main` gives. The other is cancelled then; what it raises ends both."""
    tasks = asyncio.ensure_future(main), asyncio.ensure_future(other)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1].done():
            tasks[1].result()
        return await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def process(
    endpoint: Endpoint, spec: JobSpec, video: str, out: str, overwrite: bool, tell: Listener
) -> dict[str, Any]:
    """Have `video` made into `out` ("-" for standard output), and give the job's metrics back."""
    films.check_output(video, out, overwrite)
    specs.check_size(spec.filters)
    spec, files = gathered(spec)
    source = await source_of(video)
    submitted = submission(spec, source, paths=films.paths(video, out))
    return await process_source(endpoint, submitted, files, source, out, overwrite, tell)


async def process_source(
    endpoint: Endpoint,
    submission: Submit,
    files: Mapping[str, bytes],
    source: films.Source,
    out: str,
    overwrite: bool,
    tell: Listener,
    begun: HeadStart | None = None,
) -> dict[str, Any]:
    """The same with a film that was looked at, the files that the job names by their hashes, and a job that perhaps was
    submitted already."""
    with download.into(out, overwrite) as opening:
        return await RemoteJob(endpoint, submission, files, source, tell, begun).run(opening)


async def source_of(video: str) -> films.Source:
    """The film, hashed; others have their turn meanwhile. Raises `ClientError`."""
    hashing = films.Hashing(video)
    for _ in hashing:
        await asyncio.sleep(0)
    return hashing.source


async def dry_run(endpoint: Endpoint, spec: JobSpec, video: str) -> str:
    """Ask the coordinator whether it would take the job, without sending the film; a sentence that says so."""
    specs.check_size(spec.filters)
    spec, files = gathered(spec)
    source = await source_of(video)
    notes = await RemoteJob(endpoint, submission(spec, source), files, source, lambda _: None).ask()
    said = f"{source.name}: the coordinator at {endpoint.address} would take this job ({size_in_words(source.size)})"
    return f"{said}. {' '.join(notes)}" if notes else said
