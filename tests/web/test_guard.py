"""Connections that mean harm or have died, to a server whose looks come fast."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.loops import until
from vidproc.config import CoordinatorSettings
from vidproc.web import guard
from vidproc.web.bodies import Bodies
from vidproc.web.server import WebServer

LIMIT_S = 20.0
LEAST = 1024
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
POST = b"POST /read HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads a body at /read and nowhere else; sends without end at /endless."""
    if scope["path"] == "/read":
        with contextlib.suppress(ClientDisconnect):
            async for _ in Request(scope, receive).stream():
                pass
    large = scope["path"] == "/large"
    body = StreamingResponse(endless()) if scope["path"] == "/endless" else PlainTextResponse("x" * 10**6 * large)
    await body(scope, receive, send)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 100_000


@dataclass
class Line:
    """A connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, body of one answer; status 0 if the connection ended without any."""
        words = (await self.reader.readline()).split()
        if not words:
            return 0, {}, b""
        headers = {}
        while line := (await self.reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return int(words[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def end(self) -> bytes:
        """All that comes until the other side closes."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


class Served:
    """A server; `line` opens a connection to it."""

    def __init__(self, server: WebServer) -> None:
        at = urlsplit(server.addresses[0])
        self.server = server
        self.place = (at.hostname, at.port)
        self.writers: list[asyncio.StreamWriter] = []

    async def line(self) -> Line:
        reader, writer = await asyncio.open_connection(*self.place)
        self.writers.append(writer)
        return Line(reader, writer)

    async def status(self) -> int:
        """Of a request on a connection of its own."""
        line = await self.line()
        with contextlib.suppress(ConnectionError):
            await line.send(GET)
            return (await line.answer())[0]
        return 0

    async def until_it_serves(self) -> None:
        served = False
        while not served:
            served = await self.status() == 200


def serving(test: Callable[[Served], Coroutine[Any, Any, None]], **given: Any) -> None:
    async def main() -> None:
        settings = CoordinatorSettings(bind="127.0.0.1", preview_port=0, min_upload_rate=LEAST, **given)
        server = WebServer(Bodies(app), settings)
        server.start()
        served = Served(server)
        try:
            async with asyncio.timeout(LIMIT_S):
                await test(served)
        finally:
            for writer in served.writers:
                writer.transport.abort()
            await server.stop()

    asyncio.run(main())


@pytest.fixture(autouse=True)
def _looks_come_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_LOOK_EVERY_S", 0.02)


def detail(body: bytes) -> str:
    return str(json.loads(body)["detail"])


def test_a_head_that_drips_is_answered_and_cut_off() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        dripping = asyncio.create_task(drip(line, GET[:-2] + b"x: y\r\n" * 100_000, 0.005))
        status, headers, body = await line.answer()
        assert (status, headers["content-type"]) == (408, "application/problem+json")
        assert detail(body) == "the request came too slowly"
        assert await line.end() == b""
        dripping.cancel()

    serving(test)


async def drip(line: Line, data: bytes, every_s: float) -> None:
    with contextlib.suppress(ConnectionError):
        for at in range(len(data)):
            await line.send(data[at : at + 1])
            await asyncio.sleep(every_s)


def test_a_body_that_drips_is_answered_and_cut_off() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        await line.send(POST)
        dripping = asyncio.create_task(drip(line, b"x" * 1_000_000, 0.01))
        assert (await line.answer())[0] == 408
        assert await line.end() == b""
        dripping.cancel()

    serving(test)


def test_a_body_that_comes_fast_enough_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        await line.send(POST)
        for _ in range(100):
            await line.send(b"x" * 10_000)
            await asyncio.sleep(0.01)
        assert (await line.answer())[0] == 200

    serving(test)


def test_answers_are_sent_at_once() -> None:
    """Head and body are two pieces, and the second would wait for the other side to acknowledge the first (Nagle's
    algorithm): 40 ms, where they take one."""

    async def test(served: Served) -> None:
        line = await served.line()
        await line.send(GET)
        assert (await line.answer())[0] == 200
        (there,) = served.server._server.server_state.connections
        assert isinstance(there, guard.GuardedProtocol)
        sock = there.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    serving(test)


def test_who_says_nothing_is_let_go_without_a_word() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        assert await line.end() == b""

    serving(test)


def test_who_does_not_read_is_cut_off() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        await line.send(GET.replace(b"/", b"/endless", 1))
        assert await served.status() == 503
        await served.until_it_serves()

    serving(test, send_timeout=0.1, max_connections=1)


def test_an_answer_comes_before_the_body_and_the_rest_of_that_may_come_or_not() -> None:
    async def test(served: Served) -> None:
        ignored = POST.replace(b"/read", b"/else")
        line = await served.line()
        await line.send(ignored)
        assert (await line.answer())[0] == 200
        await line.send(b"x" * 1_000_000 + GET)
        assert (await line.answer())[0] == 200, "the connection goes on"
        await line.send(ignored + b"x")
        assert (await line.answer())[0] == 200
        assert await line.end() == b"", "it does not come"

    serving(test)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"x" * 100 + b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (GET.replace(b"host", b"ho st"), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (GET[:-2] + b"content-length: -1\r\n\r\n", 400),
        (GET[:-2] + b"content-length: 1\r\ncontent-length: 2\r\n\r\n", 400),
        (GET[:-2] + b"transfer-encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 200_000, 431),
        (GET[:-2] + b"x: y\r\n" * 50_000, 431),
    ],
)
def test_what_is_no_request_is_answered_as_a_problem(head: bytes, status: int) -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        await line.send(head)
        got, headers, body = await line.answer()
        assert (got, headers["content-type"], headers["connection"]) == (status, "application/problem+json", "close")
        assert json.loads(body)["status"] == status
        assert await line.end() == b""

    serving(test)


def test_a_body_that_breaks_the_rules_ends_the_connection() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        await line.send(b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
        assert (await line.answer())[0] == 400
        assert await line.end() == b""
        line = await served.line()
        await line.send(b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"x" * 100_000)
        assert (await line.answer())[0] in (400, 431)

    serving(test)


def test_a_thousand_requests_at_once_are_answered_one_after_the_other() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        sending = asyncio.create_task(line.send(GET * 1000))
        assert {(await line.answer())[0] for _ in range(1000)} == {200}
        await sending

    serving(test)


def test_a_thousand_requests_whose_answers_nobody_reads_end_with_their_connection() -> None:
    async def test(served: Served) -> None:
        line = await served.line()
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with contextlib.suppress(ConnectionError):
            await line.send(GET.replace(b"/", b"/large", 1) * 1000)
        await served.until_it_serves()

    serving(test, send_timeout=0.1, max_connections=1)


def test_so_many_connections_of_a_peer_are_served_and_no_more() -> None:
    async def test(served: Served) -> None:
        lines = [await served.line() for _ in range(3)]
        for line in lines:
            await line.send(GET)
        for line in lines:
            assert (await line.answer())[0] == 200
        over = await served.line()
        await over.send(GET)
        status, headers, body = await over.answer()
        assert (status, headers["content-type"]) == (503, "application/problem+json")
        assert "max_connections_per_peer" in detail(body)
        lines[0].writer.close()
        await served.until_it_serves()

    serving(test, max_connections_per_peer=3, max_connection_rate=1000)


def test_crowds_that_are_refused_are_closed() -> None:
    async def test(served: Served) -> None:
        first = await served.line()
        await first.send(GET)
        assert (await first.answer())[0] == 200
        crowd = [await served.line() for _ in range(500)]
        answers = [await line.end() for line in crowd]
        assert all(answer.startswith(b"HTTP/1.1 503") or not answer for answer in answers)
        assert any(answers)
        first.writer.close()
        await served.until_it_serves()

    serving(test, max_connections=1)


def test_who_leaves_as_soon_as_it_was_refused_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    say = guard.GuardedProtocol._say
    leaving: list[socket.socket] = []

    def said(self: guard.GuardedProtocol, status: int, why: str) -> None:
        say(self, status, why)
        leaving.pop().close()

    async def test(served: Served) -> None:
        bugs: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, bug: bugs.append(bug))
        first = await served.line()
        await first.send(GET)
        assert (await first.answer())[0] == 200
        monkeypatch.setattr(guard.GuardedProtocol, "_say", said)
        leaving.append(socket.create_connection(served.place))
        leaving[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no farewell
        await until(lambda: not leaving)
        monkeypatch.undo()
        first.writer.close()
        await served.until_it_serves()
        assert not bugs

    serving(test, max_connections=1)
