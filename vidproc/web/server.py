"""HTTP in the coordinator's own event loop: uvicorn, with the signals and the sockets left to the coordinator."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from vidproc.config import CoordinatorSettings
from vidproc.coordinator.view import View
from vidproc.errors import ClientError
from vidproc.transport.address import Address
from vidproc.transport.listen import BACKLOG, Listener, listen
from vidproc.web.app import make_app
from vidproc.web.guard import Guard, GuardedProtocol

_LARGEST_HEAD = 32 * 1024
_KEEP_ALIVE_S = 15
_ACCEPTS_AT_ONCE = 16
_TO_END_S = 1.0
"""For so long answers that are under way may go on when the coordinator stops; streams of events never end."""

_TO_TIDY_UP_S = 2
"""So long, at most, whoever made such an answer may take to let go of what it holds."""


def pages_of(view: View, settings: CoordinatorSettings) -> WebServer:
    """All that there is to see of a coordinator."""
    return WebServer(make_app(view, settings), settings)


class WebServer:
    """`start`, then it serves until `stop`."""

    def __init__(self, app: ASGIApp, settings: CoordinatorSettings) -> None:
        self._app = app
        self._settings = settings

    def start(self) -> None:
        """In a running event loop. Raises `ClientError` when the port is taken."""
        port = self._settings.preview_port
        assert port is not None
        try:
            self._listeners = listen([Address.tcp(self._settings.bind, port)])
        except ClientError as error:
            raise ClientError(f"--preview-port {port}: {error}, or give --preview-port off") from None
        self._server = _Server(_config(self._app, Guard(self._settings)))
        self._serving = asyncio.create_task(self._server.serve([each.socket for each in self._listeners]))

    @property
    def addresses(self) -> Sequence[str]:
        """Where it listens, as URLs, with the port that the system chose."""
        return [_url(each) for each in self._listeners]

    async def stop(self) -> None:
        self._server.should_exit = True
        await asyncio.wait({self._serving})
        for each in self._listeners:
            each.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the coordinator as a whole."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """The event loop takes uvicorn's `backlog` for both: how many connections it accepts before anything else has
        its turn, and how many may wait for that."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers that do not end are broken off as if their readers had left. Every answer is made for that; those
        that uvicorn cancels are each told of as a bug, or end in status 500."""
        breaking = asyncio.get_running_loop().call_later(_TO_END_S, self._break_off)
        try:
            await super().shutdown(sockets)
        finally:
            breaking.cancel()

    def _break_off(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def _config(app: ASGIApp, guard: Guard) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(GuardedProtocol, guard),  # type: ignore[arg-type] # whatever makes one serves
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=_ACCEPTS_AT_ONCE,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(_TO_END_S) + _TO_TIDY_UP_S,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
    )


def _url(listener: Listener) -> str:
    return "http" + str(listener.address).removeprefix("tcp")
