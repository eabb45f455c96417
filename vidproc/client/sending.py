"""A film on its way to the coordinator, over one connection."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque

from vidproc.client import films
from vidproc.errors import ClientError
from vidproc.protocol.framing import BLOCK, in_blocks
from vidproc.protocol.messages import FileBlock, UploadBlock
from vidproc.transport.session import Session

_WINDOW = 16 * BLOCK
"""Bytes that may be on their way without an answer."""

_WANTED = 64
"""Ranges that are remembered; a coordinator asks for one at a time."""


async def send_file(session: Session, sha256: str, data: bytes) -> None:
    """One that a filter names, whole."""
    view = memoryview(data)
    for at in in_blocks(range(len(view))):
        await session.send(FileBlock(sha256, at.start), view[at.start : at.stop])


class Sending:
    """`run` sends what is missing, block by block, as far as the coordinator's answers allow; it never ends by itself,
    as a coordinator may ask to go back. `received` is to be told each answer."""

    def __init__(self, session: Session, job_id: str, source: films.Source) -> None:
        self._session = session
        self._job_id = job_id
        self._source = source
        self._held = -1
        self._sent = source.size
        self._wanted: deque[range] = deque(maxlen=_WANTED)
        self._answered = asyncio.Event()

    def received(self, offset: int) -> None:
        """It holds this much, of which the first word says where to begin. An answer that does not move on asks to go
        back to its offset."""
        begun, moves_on = self._held >= 0, offset > self._held
        self._sent = max(self._sent, offset) if begun and moves_on else offset
        self._held = offset
        self._answered.set()

    def wanted(self, offset: int, size: int) -> None:
        """These bytes are to go next, and again in their turn."""
        self._wanted.append(range(offset, min(offset + size, self._source.size)))
        self._answered.set()

    async def run(self) -> None:
        """Raises `ClientError` when the film cannot be read any more."""
        with films.reading(self._source) as read:
            while True:
                while at := self._next():
                    block = read(at.start, len(at))
                    if len(block) < len(at):
                        raise ClientError(f"{self._source.name} grew shorter while it was sent")
                    await self._session.send(UploadBlock(self._job_id, at.start, zlib.crc32(block)), block)
                self._answered.clear()
                await self._answered.wait()

    def _next(self) -> range:
        """The next block's bytes; none when there is nothing to send before the next answer."""
        while self._wanted:
            wanted = self._wanted.popleft()
            if rest := wanted[BLOCK:]:
                self._wanted.appendleft(rest)
            if wanted:
                return wanted[:BLOCK]
        if self._sent >= self._held + _WINDOW:
            return range(0)
        at = range(self._sent, min(self._sent + BLOCK, self._source.size))
        self._sent = at.stop
        return at
