"""A coordinator of a few lines, to speak the real protocol with a daemon."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from tests.worker.work import Work
from vidproc.model import ChunkReport, LeaseKind
from vidproc.protocol.messages import Heartbeat, Lease, LeaseBlock, Message, Result, ResultBlock
from vidproc.transport.session import Session


@dataclass
class Answer:
    """A result as it came."""

    lease: int
    report: ChunkReport
    records: bytes


class Leaser:
    """The coordinator's end of a daemon's session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.beats: list[Heartbeat] = []

    async def lease(self, number: int, work: Work, index: int = 0, slot: int = 0, blocks: int = 1) -> None:
        """Give a chunk to a slot, its packets in that many blocks."""
        packets = work.packets(index)
        await self.announce(number, work, index, slot)
        size = -(-len(packets) // blocks)
        for at in range(0, len(packets), size):
            await self.session.send(LeaseBlock(number), packets[at : at + size])

    async def announce(
        self, number: int, work: Work, index: int = 0, slot: int = 0, continues: bool = False
    ) -> None:
        """Only say that it will come."""
        task, size = work.task(index, continues), len(work.packets(index, continues))
        await self.session.send(Lease(number, slot, LeaseKind.CHUNK, task, size))

    async def heard(self) -> tuple[Message, bytes]:
        """The next message that is no heartbeat; those are kept in `beats`."""
        while True:
            message, payload, _ = await self.session.receive()
            if not isinstance(message, Heartbeat):
                return message, bytes(payload)
            self.beats.append(message)

    async def beat(self) -> Heartbeat:
        """The next message, which must be a heartbeat."""
        message, _, _ = await self.session.receive()
        assert isinstance(message, Heartbeat), message
        return message

    async def answer(self) -> Answer:
        """The next message, which must be a result, with its blocks."""
        result, _ = await self.heard()
        assert isinstance(result, Result), result
        records = b""
        while len(records) < result.size:
            block, payload = await self.heard()
            assert block == ResultBlock(result.lease_id)
            records += payload
        assert hashlib.sha256(records).hexdigest() == result.sha256
        return Answer(result.lease_id, result.report, records)


async def ended(course: asyncio.Task[None]) -> BaseException:
    """What a task ended with."""
    await asyncio.wait({course})
    error = course.exception()
    assert error is not None
    return error
