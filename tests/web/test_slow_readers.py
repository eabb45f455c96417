"""Answers that nobody takes, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from vidproc.config import CoordinatorSettings
from vidproc.web.server import WebServer

BLOCK = b"x" * 100_000


class Endless:
    """An app that sends blocks for as long as it can."""

    def __init__(self) -> None:
        self.sent = 0
        self.gone = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        writing = asyncio.create_task(self._write(send))
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass
        writing.cancel()
        self.gone.set()

    async def _write(self, send: Send) -> None:
        while True:
            await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
            self.sent += len(BLOCK)


@contextlib.asynccontextmanager
async def serving(app: Endless) -> AsyncIterator[socket.socket]:
    """A connection to it that has asked, and has not read."""
    server = WebServer(app, CoordinatorSettings(bind="127.0.0.1", preview_port=0, send_timeout=0.3))
    server.start()
    at = urlsplit(server.addresses[0])
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((at.hostname, at.port))
        client.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(client, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        yield client
    await server.stop()


def test_a_reader_that_takes_nothing_is_cut_off_and_little_waits_for_it() -> None:
    async def scenario() -> None:
        app = Endless()
        async with serving(app), asyncio.timeout(20):
            await app.gone.wait()
        assert 0 < app.sent < 500_000

    asyncio.run(scenario())


def test_a_reader_that_takes_little_is_not() -> None:
    async def scenario() -> None:
        app = Endless()
        async with serving(app) as client, asyncio.timeout(20):
            for _ in range(60):
                assert await asyncio.get_running_loop().sock_recv(client, 20_000)
                await asyncio.sleep(0.02)  # so slow is the reader
            assert not app.gone.is_set()

    asyncio.run(scenario())
