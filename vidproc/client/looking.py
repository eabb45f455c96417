"""All that goes on at a coordinator, looked at once or for as long as one likes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from msgspec import Struct

from vidproc.client.endpoint import Endpoint
from vidproc.client.lasting import answer, lasting, open_session
from vidproc.client.news import News
from vidproc.protocol.status_messages import GetStatus, Status
from vidproc.transport.session import Session

_REQUEST = 1


class Seen(Struct, frozen=True):
    """`name` and `version` are the coordinator's."""

    name: str
    version: str
    status: Status


async def look(endpoint: Endpoint) -> Seen:
    """Once. Raises what connecting raises."""
    async with await open_session(endpoint) as session:
        return await _look(session)


async def keep_looking(
    endpoint: Endpoint, every_s: float, tell: Callable[[Seen | News], None], first: Session | None = None
) -> None:
    """Again and again, over the connection `first` if it is given. A coordinator that has gone is waited for, however
    long it takes; of the news there is, only `Reconnecting` is told."""
    looks = 0

    async def course(session: Session) -> None:
        nonlocal looks
        while True:
            tell(await _look(session))
            looks += 1
            await asyncio.sleep(every_s)

    await lasting(endpoint, course, lambda: looks, tell, first, patience_s=math.inf)


async def _look(session: Session) -> Seen:
    status = await answer(session, GetStatus(_REQUEST), Status)
    return Seen(session.peer.name, session.peer.versions.get("vidproc", ""), status)
