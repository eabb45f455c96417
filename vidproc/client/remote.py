"""A job at a coordinator elsewhere: submit it, send its film, watch it, fetch the result.

A connection that breaks is opened again, and the job is watched again: an upload goes on at the byte that the
coordinator says, a download at the byte that was written. A coordinator that has lost the job is given it again; the
result will have the same bytes, so even a download goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import zlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, BinaryIO, TypeVar

from msgspec import Struct

from vidproc.client import films, specs
from vidproc.client.endpoint import Endpoint
from vidproc.client.files import gathered
from vidproc.client.head_start import HeadStart, submission
from vidproc.client.sending import Sending, send_file
from vidproc.errors import (
    ClientError,
    ConnectionLostError,
    PeerError,
    UnknownJobError,
    UnreachableError,
    VidprocError,
    from_code,
)
from vidproc.model import JobSpec, JobState
from vidproc.protocol.messages import (
    Accepted,
    Cancel,
    DownloadBlock,
    Error,
    Fetch,
    FileWanted,
    Finished,
    Message,
    Progress,
    Received,
    Wanted,
    Watch,
)
from vidproc.transport.connect import ANY, IPV4, IPV6, adopt, connect
from vidproc.transport.session import Session

_PATIENCE_S = 60.0
"""How long to try to get back to a coordinator that was reached before."""

_GOODBYE_S = 2.0
_FAMILIES = {"": ANY, "ipv4": IPV4, "ipv6": IPV6}
_T = TypeVar("_T")


class Uploading(Struct, frozen=True):
    """News for a listener: bytes of the film that the coordinator holds, of all, and frames that are done already."""

    sent: int
    size: int
    frames_done: int = 0


class Downloading(Struct, frozen=True):
    """News for a listener: bytes of the result that were written, of all."""

    received: int
    size: int


class Reconnecting(Struct, frozen=True):
    """News for a listener: the connection broke, for this reason."""

    reason: str


News = Uploading | Progress | Downloading | Reconnecting
Listener = Callable[[News], None]


class Patience:
    """Waits longer and longer between tries, and gives up after a while in which nothing has moved."""

    def __init__(self) -> None:
        self._seen: object = None
        self._begin()

    def _begin(self) -> None:
        self._wait = 0.1
        self._give_up = asyncio.get_running_loop().time() + _PATIENCE_S

    async def wait(self, progress: object, error: VidprocError) -> None:
        """Before another try. Raises `error` when there have been enough since `progress` last changed."""
        if progress != self._seen:
            self._seen = progress
            self._begin()
        if asyncio.get_running_loop().time() > self._give_up:
            raise error
        await asyncio.sleep(self._wait * random.uniform(0.5, 1.0))
        self._wait = min(2 * self._wait, 3.0)


class RemoteJob:
    """One job from its submission to its result, over as many connections as it takes. `files` are what `spec` names
    by SHA-256."""

    def __init__(
        self,
        endpoint: Endpoint,
        spec: JobSpec,
        files: Mapping[str, bytes],
        source: films.Source,
        tell: Listener,
        begun: HeadStart | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._begun = begun
        self._spec = spec
        self._files = files
        self._source = source
        self._tell = tell
        self._job_id = ""
        self._finished: Finished | None = None
        self._hash = hashlib.sha256()
        self._held = 0
        self._frames_done = 0
        self._received = 0

    async def run(self, out: Callable[[int], BinaryIO]) -> dict[str, Any]:
        """The metrics of the job. `out(size)` is asked once, when the result is ready, for the file to write it to."""
        session, patience = await self._first_session(), Patience()
        while True:
            try:
                return await self._course(session, out)
            except ConnectionLostError as error:
                self._tell(Reconnecting(str(error)))
                await patience.wait(self._progress, error)
            except BaseException:  # whatever ends the job here ends it there
                await self._say_cancel(session)
                raise
            finally:
                await session.close()
            session = await self._reconnect(patience)

    async def ask(self) -> tuple[str, ...]:
        """Only have the job checked, and say what there is to know of it. Raises what is wrong with it."""
        async with await self._connect() as session:
            return (await self._ask_for(session, dry_run=True)).notes

    async def _course(self, session: Session, out: Callable[[int], BinaryIO]) -> dict[str, Any]:
        while True:
            try:
                return await self._go_on(session, out)
            except UnknownJobError:
                self._job_id, self._finished = "", None

    async def _go_on(self, session: Session, out: Callable[[int], BinaryIO]) -> dict[str, Any]:
        if self._finished is None:
            self._finished = await self._followed(session)
        if self._finished.state is not JobState.DONE:
            raise from_code(self._finished.code, f"{self._source.name}: {self._finished.message}")
        await self._download(session, self._finished, out)
        await self._say_cancel(session)  # it ended: this lets the coordinator forget it
        return dict(self._finished.metrics)

    # Connections

    async def _first_session(self) -> Session:
        if self._begun is None:
            return await self._connect()
        return await adopt(self._begun.sock, self._begun.connection, self._endpoint.address)

    async def _connect(self) -> Session:
        return await connect(
            self._endpoint.address,
            self._endpoint.party(),
            family=_FAMILIES[self._endpoint.family],
        )

    @property
    def _progress(self) -> object:
        """Changes whenever the job has got on."""
        return self._job_id, self._held, self._finished is not None, self._received

    async def _reconnect(self, patience: Patience) -> Session:
        while True:
            try:
                return await self._connect()
            except (UnreachableError, ConnectionLostError) as error:
                await patience.wait(self._progress, error)

    async def _say_cancel(self, session: Session) -> None:
        if self._job_id:
            with contextlib.suppress(PeerError, TimeoutError):
                await asyncio.wait_for(session.send(Cancel(self._job_id)), _GOODBYE_S)

    async def _next(self, session: Session) -> tuple[Message, bytes | memoryview]:
        """The next message that is not an error, which is raised."""
        message, payload, _ = await session.receive()
        if isinstance(message, Error):
            raise from_code(message.code, message.message)
        return message, payload

    # Upload, and watching

    async def _followed(self, session: Session) -> Finished:
        """How it ended. Begin, or go on: the answer to `Watch` says where, if bytes are still missing."""
        if self._job_id:
            await session.send(Watch(self._job_id))
            offset = self._source.size
        else:
            accepted = await self._ask_for(session, dry_run=False)
            self._job_id, offset = accepted.job_id, accepted.offset
        sending = Sending(session, self._job_id, self._source)
        if offset < self._source.size:
            sending.received(offset)
        return await _beside(self._watch(session, sending), sending.run())

    async def _ask_for(self, session: Session, dry_run: bool) -> Accepted:
        begun, self._begun = self._begun, None
        if begun is None:
            try:
                await session.send(submission(self._spec, self._source, dry_run))
            except UnicodeEncodeError as error:  # what is no text in an option comes as lone surrogates
                raise ClientError(f"{error.object!r} is no UTF-8 text") from None
        while isinstance(message := (await self._next(session))[0], FileWanted):
            await self._send_file(session, message.sha256)
        if not isinstance(message, Accepted):
            raise PeerError(f"the coordinator answered a submission with {message.kind}")
        return message

    async def _send_file(self, session: Session, sha256: str) -> None:
        if sha256 not in self._files:
            raise PeerError("the coordinator wants a file that is none of the job's")
        await send_file(session, sha256, self._files[sha256])

    async def _watch(self, session: Session, sending: Sending) -> Finished:
        while True:
            message, _ = await self._next(session)
            match message:
                case Finished():
                    return message
                case Received(_, offset):
                    sending.received(offset)
                    self._held = offset
                    self._tell(Uploading(offset, self._source.size, self._frames_done))
                case Wanted(_, offset, size):
                    sending.wanted(offset, size)
                case Progress():
                    self._frames_done = message.frames_done
                    if message.state is not JobState.UPLOADING:
                        self._tell(message)

    # Download

    async def _download(self, session: Session, finished: Finished, out: Callable[[int], BinaryIO]) -> None:
        file = out(finished.size)
        await session.send(Fetch(self._job_id, self._received))
        while self._received < finished.size:
            message, payload = await self._next(session)
            if isinstance(message, DownloadBlock):
                self._keep(message, payload, file)
                self._tell(Downloading(self._received, finished.size))
        if self._hash.hexdigest() != finished.sha256:
            raise VidprocError("the result that arrived does not match its SHA-256; run the job again")

    def _keep(self, block: DownloadBlock, payload: bytes | memoryview, file: BinaryIO) -> None:
        if block.offset != self._received or zlib.crc32(payload) != block.crc32:
            raise ConnectionLostError("a block of the result was damaged on its way")
        file.write(payload)
        self._hash.update(payload)
        self._received += len(payload)


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
    return await process_source(endpoint, spec, files, await source_of(video), out, overwrite, tell)


async def process_source(
    endpoint: Endpoint,
    spec: JobSpec,
    files: Mapping[str, bytes],
    source: films.Source,
    out: str,
    overwrite: bool,
    tell: Listener,
    begun: HeadStart | None = None,
) -> dict[str, Any]:
    """The same with a film that was looked at, the files that the job names by their hashes, and a job that perhaps was
    submitted already."""
    with contextlib.ExitStack() as stack:
        opened: list[BinaryIO] = []

        def result_file(size: int) -> BinaryIO:
            if not opened:
                films.demand_room(out, size)
                opened.append(stack.enter_context(films.written(out, overwrite)))
            return opened[0]

        return await RemoteJob(endpoint, spec, files, source, tell, begun).run(result_file)


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
    notes = await RemoteJob(endpoint, spec, files, source, lambda _: None).ask()
    said = f"{source.name}: the coordinator at {endpoint.address} would take this job ({source.size / 1e6:.1f} MB)"
    return f"{said}. {' '.join(notes)}" if notes else said
