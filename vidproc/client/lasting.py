"""What outlasts the connection that it goes over: one that breaks is opened again, for as long as it makes sense."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vidproc.client.endpoint import Endpoint
from vidproc.client.news import Listener, Reconnecting
from vidproc.errors import ConnectionLostError, PeerError, UnreachableError, VidprocError, from_code
from vidproc.protocol.messages import Error, Message
from vidproc.transport.connect import ANY, IPV4, IPV6, connect
from vidproc.transport.session import Session

_PATIENCE_S = 60.0
"""How long to try to get back to a coordinator that was reached before."""

_FAMILIES = {"": ANY, "ipv4": IPV4, "ipv6": IPV6}
_T = TypeVar("_T")
_Answer = TypeVar("_Answer", bound=Message)


async def open_session(endpoint: Endpoint) -> Session:
    """Raises `UnreachableError`, and `PeerError` and its kinds."""
    return await connect(endpoint.address, endpoint.party(), family=_FAMILIES[endpoint.family])


async def next_message(session: Session) -> tuple[Message, bytes | memoryview]:
    """The next message that is not an error, which is raised."""
    message, payload, _ = await session.receive()
    if isinstance(message, Error):
        raise from_code(message.code, message.message)
    return message, payload


async def answer(session: Session, question: Message, kind: type[_Answer]) -> _Answer:
    """Raises the error that is the answer, and `PeerError` for one of another kind."""
    await session.send(question)
    message, _ = await next_message(session)
    if not isinstance(message, kind):
        raise PeerError(f"the coordinator answered {question.kind} with {message.kind}")
    return message


class Patience:
    """Waits longer and longer between tries, and gives up after so many seconds in which nothing has moved."""

    def __init__(self, patience_s: float | None) -> None:
        self._patience_s = _PATIENCE_S if patience_s is None else patience_s
        self._seen: object = None
        self._begin()

    def _begin(self) -> None:
        self._wait = 0.1
        self._give_up = asyncio.get_running_loop().time() + self._patience_s

    async def wait(self, progress: object, error: VidprocError) -> None:
        """Before another try. Raises `error` when there have been enough since `progress` last changed."""
        if progress != self._seen:
            self._seen = progress
            self._begin()
        if asyncio.get_running_loop().time() > self._give_up:
            raise error
        await asyncio.sleep(self._wait * random.uniform(0.5, 1.0))
        self._wait = min(2 * self._wait, 3.0)


async def lasting(
    endpoint: Endpoint,
    course: Callable[[Session], Awaitable[_T]],
    progress: Callable[[], object],
    tell: Listener,
    first: Session | None = None,
    patience_s: float | None = None,
) -> _T:
    """What `course` gives, which is begun anew with each connection. `progress()` changes whenever it has got on, and
    `first` is a connection that is open already."""
    session, patience = first or await open_session(endpoint), Patience(patience_s)
    while True:
        try:
            return await course(session)
        except ConnectionLostError as error:
            tell(Reconnecting(str(error)))
            await patience.wait(progress(), error)
        finally:
            await session.close()
        session = await _again(endpoint, progress, patience)


async def _again(endpoint: Endpoint, progress: Callable[[], object], patience: Patience) -> Session:
    while True:
        try:
            return await open_session(endpoint)
        except (UnreachableError, ConnectionLostError) as error:
            await patience.wait(progress(), error)
