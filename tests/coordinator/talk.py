"""What a client in a test says to a coordinator, and hears."""

from __future__ import annotations

from typing import TypeVar

from vidproc.protocol.messages import Error, Message, Progress
from vidproc.transport.session import Session

_Message = TypeVar("_Message", bound=Message)


async def answer(client: Session, kind: type[_Message]) -> _Message:
    """The next message but progress, which must be of that kind."""
    while isinstance(message := (await client.receive()).message, Progress):
        pass
    assert isinstance(message, kind), message
    return message


async def refusal(client: Session, message: Message, payload: bytes = b"") -> Error:
    await client.send(message, payload)
    return await answer(client, Error)
