"""A coordinator that follows a script: one part for each connection, with real sockets and the real handshake."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tests.loops import run as run
from vidproc.client.endpoint import Endpoint
from vidproc.errors import PeerError
from vidproc.model import JobState
from vidproc.protocol.messages import (
    Accepted,
    DownloadBlock,
    Fetch,
    Finished,
    Message,
    Received,
    Submit,
    UploadBlock,
)
from vidproc.protocol.party import Party
from vidproc.transport.address import Address
from vidproc.transport.listen import listen
from vidproc.transport.server import serve
from vidproc.transport.session import Session

MIB = 2**20
_Message = TypeVar("_Message", bound=Message)


class Connection:
    """One connection, as the script's part sees it."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def expect(self, kind: type[_Message]) -> _Message:
        message, self.payload, _ = await self.session.receive()
        assert isinstance(message, kind), message
        return message

    async def hear(self, kind: type[_Message]) -> _Message:
        """The next message of that kind, whatever else is still on its way."""
        while not isinstance(message := (await self.session.receive()).message, kind):
            pass
        return message

    async def say(self, *messages: Message) -> None:
        for message in messages:
            await self.session.send(message)

    async def accept(self, job_id: str = "j", offset: int = 0) -> Submit:
        submit = await self.expect(Submit)
        await self.say(Accepted(submit.request, job_id, offset))
        return submit

    async def take(self, blocks: int, job_id: str = "j") -> list[int]:
        """So many blocks of the upload, each acknowledged; their offsets."""
        offsets = []
        for _ in range(blocks):
            block = await self.expect(UploadBlock)
            assert zlib.crc32(self.payload) == block.crc32
            offsets.append(block.offset)
            await self.say(Received(job_id, block.offset + len(self.payload)))
        return offsets

    async def give(self, result: bytes, stop: int | None = None, job_id: str = "j") -> int:
        """The result from the offset that is asked for; returns that."""
        fetch = await self.expect(Fetch)
        for at in range(fetch.offset, len(result) if stop is None else stop, MIB):
            block = result[at : at + MIB]
            await self.session.send(DownloadBlock(job_id, at, zlib.crc32(block)), block)
        return fetch.offset

    async def hang_up(self) -> None:
        await self.session.close()


def done(result: bytes, job_id: str = "j") -> Finished:
    return Finished(job_id, JobState.DONE, len(result), hashlib.sha256(result).hexdigest(), {"frames_out": 1})


Part = Callable[[Connection], Awaitable[None]]


@asynccontextmanager
async def scripted(folder: Path, *parts: Part) -> AsyncIterator[Endpoint]:
    """Each connection plays the next part. All must have been played, to their ends, when the block is left."""
    waiting = list(parts)
    failures: list[str] = []

    async def play(session: Session) -> None:
        try:
            await waiting.pop(0)(Connection(session))
        except PeerError as error:
            failures.append(f"the client left in the middle of a part: {error}")
        except AssertionError as error:
            failures.append(f"the client did not keep to the script: {error}")

    address = Address.unix(folder / "socket")
    party = Party("coordinator", "k", {"vidproc": "1"})
    async with await serve(listen([address]), play, party):
        yield Endpoint(address)
    assert failures == []
    assert waiting == []
