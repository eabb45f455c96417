"""A few clients that send many films, one after the other, and write down what became of each."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from vidproc.model import FilterSpec, JobSpec
from vidproc.protocol.framing import in_blocks
from vidproc.protocol.messages import Accepted, Error, Fetched, Finished, Message, Submit, UploadBlock
from vidproc.protocol.party import Party
from vidproc.transport.address import Address
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

LIMIT_S = 30.0
"""By then each film has come to an end, good or bad."""

_CLIENTS = 3

_Message = TypeVar("_Message", bound=Message)
Fate = Finished | Error
Films = Mapping[str, Callable[[], bytes]]


async def fates(address: Address, films: Films, job: JobSpec | None = None) -> dict[str, Fate]:
    """How the job on each film ended, by the films' names. Where none has come by the limit, an error says so."""
    found: dict[str, Fate] = {}
    left = iter(list(films.items()))

    async def client() -> None:
        for name, make in left:
            found[name] = await _one(address, name, make(), job or JobSpec((FilterSpec("blur"),)))

    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS):
            group.create_task(client())
    return found


async def _one(address: Address, name: str, data: bytes, job: JobSpec) -> Fate:
    async with await connect(address, Party("client", "many films", {"vidproc": "1"})) as session:
        try:
            return await asyncio.wait_for(fate(session, name, data, job), LIMIT_S)
        except TimeoutError:
            return Error("no-end", f"no end after {LIMIT_S:g} s", "internal")


async def fate(session: Session, name: str, data: bytes, job: JobSpec) -> Fate:
    """Of one film; its result is needed no more then."""
    await session.send(Submit(1, job, len(data), hashlib.sha256(data).hexdigest(), name))
    accepted = await _next(session, Accepted)
    if isinstance(accepted, Error):
        return accepted
    for at in in_blocks(range(accepted.offset, len(data))):
        block = data[at.start : at.stop]
        await session.send(UploadBlock(accepted.job_id, at.start, zlib.crc32(block)), block)
    finished = await _next(session, Finished)
    await session.send(Fetched(accepted.job_id))
    return finished


async def _next(session: Session, kind: type[_Message]) -> _Message | Error:
    while not isinstance(message := (await session.receive()).message, (kind, Error)):
        pass
    return message
