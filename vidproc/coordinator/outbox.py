"""What is to be said on a connection, by code that must not wait for it."""

from __future__ import annotations

import asyncio

import structlog

from vidproc.errors import VidprocError
from vidproc.protocol.messages import Finished, Message, Progress
from vidproc.transport.session import Session

_MOST = 4096

log = structlog.get_logger()


class Outbox:
    """Control messages in order. Of a job's progress, and of its end with all the figures, only the newest is kept: a
    slow reader piles up nothing, and one that asks and asks without reading the answers is cut off."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._messages: dict[object, Message] = {}
        self._filled = asyncio.Event()

    def post(self, message: Message) -> None:
        key = (message.kind, message.job_id) if isinstance(message, Progress | Finished) else object()
        self._messages[key] = message
        self._filled.set()
        if len(self._messages) > _MOST:
            self._session.abort()

    async def run(self) -> None:
        """Send until the connection ends."""
        while True:
            await self._filled.wait()
            key = next(iter(self._messages))
            message = self._messages.pop(key)
            if not self._messages:
                self._filled.clear()
            try:
                await self._session.send(message)
            except VidprocError as error:
                log.debug("cannot be sent", message=message.kind, peer=self._session.address, error=str(error))
                self._session.abort()  # whoever receives on it learns that it is over
                return
