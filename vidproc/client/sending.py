"""A film on its way to the coordinator, over one connection."""

from __future__ import annotations

import asyncio
import zlib

from vidproc.client import films
from vidproc.errors import ClientError
from vidproc.protocol.messages import UploadBlock
from vidproc.transport.session import Session

_BLOCK = 2**20
_WINDOW = 16 * _BLOCK
"""Bytes that may be on their way without an answer."""


class Sending:
    """`run` sends what is missing, block by block, as far as the coordinator's answers allow; it never ends by itself,
    as a coordinator may ask to go back. `received` is to be told each answer."""

    def __init__(self, session: Session, job_id: str, source: films.Source) -> None:
        self._session = session
        self._job_id = job_id
        self._source = source
        self._held = -1
        self._sent = source.size
        self._answered = asyncio.Event()

    def received(self, offset: int) -> None:
        """It holds this much, of which the first word says where to begin. An answer that does not move on asks to go
        back to its offset."""
        begun, moves_on = self._held >= 0, offset > self._held
        self._sent = max(self._sent, offset) if begun and moves_on else offset
        self._held = offset
        self._answered.set()

    async def run(self) -> None:
        """Raises `ClientError` when the film cannot be read any more."""
        with films.reading(self._source) as read:
            while True:
                while self._sent < min(self._source.size, self._held + _WINDOW):
                    at = self._sent
                    block = read(at, _BLOCK)
                    if not block:
                        raise ClientError(f"{self._source.name} grew shorter while it was sent")
                    self._sent += len(block)
                    await self._session.send(UploadBlock(self._job_id, at, zlib.crc32(block)), block)
                self._answered.clear()
                await self._answered.wait()
