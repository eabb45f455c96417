"""What comes with requests: little, but for films, which are read piece by piece and never held; and what goes back.

A body that says its end in two ways may be read in two (RFC 9112, 11.2), so it is not read at all; and one that is
compressed would have to be unpacked to know its size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidproc.web.problems import problem

LARGEST = 2**20
"""Bytes of a body that is held in memory."""

_UNBOUNDED = "vidproc.unbounded"


class Bodies:
    """Around the app: whoever reads a body as any app does gets `LARGEST` of it at most, or 413. Who reads it with
    `streamed` gets all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (answer := _refusal(Headers(scope=scope))) is not None:
            await answer(scope, receive, send)
            return
        scope[_UNBOUNDED] = receive
        await self._app(scope, _bounded(receive, Headers(scope=scope)), _by_turns(send))


def _refusal(headers: Headers) -> Response | None:
    if "transfer-encoding" in headers and "content-length" in headers:
        answer = problem(400, "a body has a Content-Length or a Transfer-Encoding, not both")
        answer.headers["Connection"] = "close"
        return answer
    if headers.get("content-encoding", "identity").lower() != "identity":
        answer = problem(415, "send the body as it is: what is compressed is not unpacked here")
        answer.headers["Accept-Encoding"] = "identity"
        return answer
    return None


def _bounded(receive: Receive, headers: Headers) -> Receive:
    came = 0

    async def bounded() -> Message:
        nonlocal came
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > LARGEST:
            raise _too_large()
        message = await receive()
        came += len(message.get("body", b""))
        if came > LARGEST:
            raise _too_large()
        return message

    return bounded


def _by_turns(send: Send) -> Send:
    """Between the pieces of an answer others have their turn. To send never waits where the other side reads fast or,
    as uvicorn has it, is gone, which would not be noticed either."""

    async def in_turn(message: Message) -> None:
        await send(message)
        if message.get("more_body"):
            await asyncio.sleep(0)

    return in_turn


def _too_large() -> HTTPException:
    return HTTPException(413, f"a body has at most {LARGEST >> 10} KiB here, but for that of an upload")


async def streamed(request: Request) -> AsyncIterator[bytes]:
    """The body, as it comes. Raises `ClientDisconnect`."""
    receive = cast(Receive, request.scope[_UNBOUNDED])
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        yield message.get("body", b"")
