"""Films that come in by HTTP before there is a job for them: in any number of requests, over any time, until they
expire."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from msgspec import Struct

from vidproc.config import CoordinatorSettings
from vidproc.errors import (
    BusyError,
    ChecksumError,
    ClientError,
    ConflictError,
    TooLargeError,
    UnknownUploadError,
)
from vidproc.model import is_sha256
from vidproc.storage.incoming import Incoming, IncomingFile, IncomingFolder
from vidproc.storage.spool import Spool

_BLOCK = 2**20
_COMMIT_EVERY_S = 1.0
"""What came for so long comes again, at most, when a coordinator is killed."""
_SWEEP_EVERY_S = 600.0
_THREADS = 2
"""Of those that all of the coordinator has for what may take a while."""
_TAKEN_OVER = "another request goes on with this upload"

_T = TypeVar("_T")

log = structlog.get_logger()


class Check(Protocol):
    """What the bytes of a request are checked by, such as a hash of `hashlib`."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


_Check = tuple[Check, bytes] | None


class Film(Struct, frozen=True):
    """One that is here and whole, at `path` for now."""

    path: Path
    name: str
    size: int
    sha256: str


class _Upload:
    """`turn` is had by the request that is at it, which stops when there is a newer one."""

    def __init__(self, file: IncomingFile) -> None:
        self.file = file
        self.turn = asyncio.Lock()
        self.newest: object = None
        self.transfer: asyncio.Task[None] | None = None

    @property
    def known(self) -> Incoming:
        return self.file.known


class Uploads:
    """`open` before anything else. `make_room(size)` sees to it that the disk has room for a film of that size, and
    raises `StorageError` if it can't."""

    def __init__(
        self, settings: CoordinatorSettings, spool: Spool, make_room: Callable[[int], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._make_room = make_room
        self._folder = IncomingFolder(spool.root / "incoming")
        self._uploads: dict[str, _Upload] = {}
        self._disk = asyncio.Semaphore(_THREADS)
        self._sweeping: asyncio.Task[None] | None = None
        self.bytes_received = 0

    async def open(self) -> None:
        """Take over what an earlier coordinator had."""
        for file in await asyncio.to_thread(self._folder.open):
            self._uploads[file.known.id] = _Upload(file)
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """What has come so far is kept."""
        tasks = [upload.transfer for upload in self._uploads.values()] + [self._sweeping]
        going_on = {task for task in tasks if task is not None}
        for task in going_on:
            task.cancel()
        if going_on:
            await asyncio.wait(going_on)

    async def create(self, name: str, size: int | None, most: int = 0) -> Incoming:
        """An upload of so many bytes; None where nobody knows yet, but at most `most`. Raises `TooLargeError`,
        `BusyError` or `StorageError`."""
        self._demand_size(size or most)
        await self._demand_place()
        await self._make_room(size or most)
        file = await asyncio.to_thread(self._folder.create, name, size, self._expiry())
        self._uploads[file.known.id] = _Upload(file)
        return file.known

    def _demand_size(self, size: int) -> None:
        limit = self._settings.upload_limit
        if limit and size > limit:
            raise TooLargeError(f"the film has {size} bytes; this coordinator takes up to {limit} (upload_limit)")

    async def _demand_place(self) -> None:
        """Those that hold nothing make room, the oldest first."""
        most = self._settings.max_uploads
        if len(self._uploads) < most:
            return
        for upload in self._uploads.values():
            if upload.known.sha256 and not upload.file.path.exists():
                await self._forget(upload)
                return
        way_out = f"try again when one has ended; who stays away is forgotten after {self._settings.upload_keep:g} s"
        raise BusyError(f"the coordinator has {most} uploads already (max_uploads): {way_out}")

    def find(self, upload_id: str) -> Incoming:
        """Raises `UnknownUploadError`."""
        return self._find(upload_id).known

    def _find(self, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.known.expires_at <= time.time():
            raise UnknownUploadError(f"there is no upload {upload_id[:64]} here: it expired, or never was")
        return upload

    async def take_over(self, upload_id: str) -> Incoming:
        """For a client that comes back, perhaps before its last connection is known to be dead: what that sends is not
        waited for any longer."""
        upload = self._find(upload_id)
        await self._stop(upload)
        return upload.known

    async def _stop(self, upload: _Upload) -> None:
        if upload.transfer is not None:
            upload.transfer.cancel()
            await asyncio.wait({upload.transfer})

    async def receive(
        self, upload_id: str, offset: int, blocks: AsyncIterator[bytes], check: _Check = None
    ) -> Incoming:
        """More of an upload, from `offset` on. What came counts even where the rest of it does not come; but with a
        `check`, and the digest that it is to give, all counts or nothing. Raises `ConflictError` where something else
        is missing, `TooLargeError`, `ChecksumError`, `StorageError`, and whatever `blocks` raises."""
        upload = self._find(upload_id)
        upload.newest = mine = object()
        await self._stop(upload)
        async with upload.turn:
            self._find(upload_id)  # it may have been removed meanwhile
            if upload.newest is not mine:
                raise ConflictError(_TAKEN_OVER)
            if offset != upload.known.offset:
                raise ConflictError(f"the upload goes on at byte {upload.known.offset}, not {offset}")
            upload.transfer = asyncio.create_task(self._transfer(upload, blocks, check))
            try:
                await _joined(upload.transfer)
            finally:
                upload.transfer = None
            return upload.known

    async def _transfer(self, upload: _Upload, blocks: AsyncIterator[bytes], check: _Check) -> None:
        file, held, counts = upload.file, bytearray(), check is None
        try:
            await self._in_thread(file.begin)
            await self._take_all(file, blocks, held, check)
            counts = counts or _checked(check)
        finally:
            await self._in_thread(_settle, file, held if counts else None, self._expiry())
        await self._complete(upload)

    async def _take_all(
        self, file: IncomingFile, blocks: AsyncIterator[bytes], held: bytearray, check: _Check
    ) -> None:
        """`held` is what came and is not written yet."""
        committed = time.monotonic()
        async for block in blocks:
            self.bytes_received += len(block)
            self._demand_fit(file, len(held) + len(block))
            held += block
            long_ago = check is None and time.monotonic() - committed >= _COMMIT_EVERY_S
            if long_ago or len(held) >= _BLOCK:
                await self._write(file, held, check)
            if long_ago:
                await self._commit(file)
                committed = time.monotonic()
        await self._write(file, held, check)

    async def _commit(self, file: IncomingFile) -> None:
        await self._in_thread(file.commit, self._expiry())
        if file.known.size is None:
            await self._make_room(0)

    async def _write(self, file: IncomingFile, held: bytearray, check: _Check) -> None:
        block = bytes(held)
        held.clear()
        await self._in_thread(_take, file, block, check)

    def _demand_fit(self, file: IncomingFile, more: int) -> None:
        known = file.known
        size = known.offset + file.uncommitted + more
        if known.size is not None and size > known.size:
            raise TooLargeError(f"more bytes came than the {known.size} that were announced")
        self._demand_size(size)

    async def _complete(self, upload: _Upload) -> None:
        """If it is whole it becomes a source."""
        if upload.known.offset == upload.known.size and not upload.known.sha256:
            await self._in_thread(self._adopt, upload.file)

    def _adopt(self, file: IncomingFile) -> None:
        sha256 = file.sha256()
        self._spool.adopt(file.path, sha256)
        self._spool.trust(sha256, file.path)
        known = file.known
        file.note(Incoming(known.id, known.name, known.size, known.offset, known.expires_at, sha256))

    async def finish(self, upload_id: str) -> Incoming:
        """No more of it comes, whose size was not known. Raises `ClientError` if that was nothing."""
        upload = self._find(upload_id)
        known = upload.known
        if not known.offset:
            raise ClientError(f"{known.name or 'the film'} is empty")
        upload.file.known = Incoming(known.id, known.name, known.offset, known.offset, known.expires_at)
        await self._complete(upload)
        return upload.known

    async def remove(self, upload_id: str) -> None:
        """What was made of it goes on."""
        upload = self._find(upload_id)
        await self._stop(upload)
        await self._forget(upload)

    async def _forget(self, upload: _Upload) -> None:
        if self._uploads.pop(upload.known.id, None):
            await asyncio.to_thread(upload.file.remove)

    async def film(self, source: str) -> Film:
        """A whole film, by the id of its upload or by its SHA-256. Raises `UnknownUploadError`, or `ConflictError` when
        some of it is missing."""
        if is_sha256(source):
            return self._held(source, source[:12])
        upload = self._find(source)
        if upload.known.offset == upload.known.size and not upload.known.sha256:
            async with upload.turn:
                await self._complete(upload)
        known = upload.known
        if not known.sha256:
            raise ConflictError(f"of {known.name} only {known.offset} of {known.size} bytes are here")
        if upload.file.path.exists():
            return Film(upload.file.path, known.name, known.offset, known.sha256)
        return self._held(known.sha256, known.name)

    def _held(self, sha256: str, name: str) -> Film:
        size = self._spool.size_of(sha256)
        if size is None:
            raise UnknownUploadError(f"the film {name} is not here, or no longer: send it again")
        return Film(self._spool.source(sha256), name, size, sha256)

    async def keep_source(self, film: Film) -> None:
        """Have the spool hold a film, in case that it has forgotten it meanwhile, so that a job can take it."""
        if self._spool.size_of(film.sha256) is None:
            await asyncio.to_thread(self._spool.adopt, film.path, film.sha256)

    async def release(self, source: str) -> None:
        """A job has it now: the spool may forget it as it may any other film."""
        upload = self._uploads.get(source)
        if upload is not None and upload.known.sha256:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(upload.file.release)

    async def _in_thread(self, doing: Callable[..., _T], *args: Any) -> _T:
        """Who is cancelled meanwhile waits all the same: nobody else is to touch the file before."""
        task = asyncio.create_task(self._at_disk(doing, *args))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    async def _at_disk(self, doing: Callable[..., _T], *args: Any) -> _T:
        async with self._disk:
            return await asyncio.to_thread(doing, *args)

    def _expiry(self) -> float:
        return time.time() + self._settings.upload_keep

    async def _sweep(self) -> None:
        while True:
            for upload in list(self._uploads.values()):
                if upload.known.expires_at <= time.time() and upload.transfer is None:
                    log.info("upload expired", upload=upload.known.id, name=upload.known.name)
                    await self._forget(upload)
            await asyncio.sleep(min(_SWEEP_EVERY_S, self._settings.upload_keep))


def _take(file: IncomingFile, block: bytes, check: _Check) -> None:
    file.write(block)
    if check is not None:
        check[0].update(block)


def _checked(check: _Check) -> bool:
    if check is not None and check[0].digest() != check[1]:
        raise ChecksumError("the bytes that came do not have the checksum that was announced: send them again")
    return True


def _settle(file: IncomingFile, rest: bytearray | None, expires_at: float) -> None:
    """What has come counts, with the rest of it; or nothing does, where that is None."""
    try:
        if rest is not None and file.begun:
            try:
                file.write(bytes(rest))
            finally:
                file.commit(expires_at)
    finally:
        file.end()


async def _joined(task: asyncio.Task[None]) -> None:
    """Wait for a task, which ends with whoever waits for it. Raises what it raised; `ConflictError` if it was stopped
    from elsewhere."""
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    if task.cancelled():
        raise ConflictError(_TAKEN_OVER)
    task.result()
