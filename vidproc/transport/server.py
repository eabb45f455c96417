"""Serving many sessions at once: accept, shake hands, hand each to a handler in a task of its own.

One session's trouble is its own: whatever its handshake or its handler raises ends that session and is logged. What all
share is guarded: connections are counted, in all and by peer (`admission`), and when the process has no descriptor
left, accepting pauses, since the listening socket would stay readable and the loop would spin
(https://github.com/python/cpython/issues/151615). Who still waits after the pause is refused, one after the other, by
means of a descriptor that is kept for that: they would else learn nothing until they give up.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import structlog

from vidproc.errors import ConnectionLostError, UnreachableError, VidprocError
from vidproc.protocol.connection import Connection
from vidproc.protocol.opening import Admits, admits_all
from vidproc.protocol.party import NONCE_BYTES, Party
from vidproc.tasks import ended
from vidproc.transport.admission import Admission, ConnectionLimits, peer_of
from vidproc.transport.listen import Listener
from vidproc.transport.session import Session, SessionSettings
from vidproc.transport.spare import Spare
from vidproc.transport.wire import SocketWire, tune_tcp

Handler = Callable[[Session], Coroutine[Any, Any, None]]

_ACCEPTS_AT_ONCE = 64
_ACCEPT_PAUSE_S = 1.0
_REFUSALS_AT_ONCE = 64
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NO_DESCRIPTORS = "the coordinator has no file descriptors or memory left for another connection: try again later"

log = structlog.get_logger()


async def serve(
    listeners: Sequence[Listener],
    handler: Handler,
    party: Party,
    *,
    settings: SessionSettings | None = None,
    limits: ConnectionLimits | None = None,
) -> Server:
    """Begin to serve. `handler(session)` gets each open session, which is closed when it returns or raises.

    A `VidprocError` that it raises is told to the peer. Connections beyond the limits are refused with an `error` of
    code `unreachable`, or just closed where very many come at once. The listeners belong to the server from here on.
    """
    server = Server(listeners, handler, party, settings or SessionSettings(), limits or ConnectionLimits())
    server.accept()
    return server


class Server:
    """What `serve` has begun; `close` ends it."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        handler: Handler,
        party: Party,
        settings: SessionSettings,
        limits: ConnectionLimits,
    ) -> None:
        self.listeners = tuple(listeners)
        self._handler = handler
        self._party = party
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._admission = Admission(limits, self._loop.time)
        self._tasks: set[asyncio.Task[None]] = set()
        self._resumption: asyncio.TimerHandle | None = None
        self._short = False
        self._spare = Spare()
        self._closing = False

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def connections(self) -> int:
        return self._admission.connections

    def accept(self) -> None:
        """Take connections from now on, or again."""
        self._spare.take()
        for listener in self.listeners:
            self._loop.add_reader(listener.socket, self._accept_from, listener)

    async def close(self) -> None:
        """Take no more connections, cancel the handlers, close their sessions and the listeners."""
        self._closing = True
        self._stop_accepting()
        for listener in self.listeners:
            listener.close()
        await ended(*self._tasks)
        self._spare.give()

    def _stop_accepting(self) -> None:
        if self._resumption is not None:
            self._resumption.cancel()
        for listener in self.listeners:
            if listener.socket.fileno() >= 0:  # not closed before
                self._loop.remove_reader(listener.socket)

    def _accept_from(self, listener: Listener) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                sock, sockaddr = listener.socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listener, error)
                return
            self._short = False
            self._begin(sock, peer_of(sock, sockaddr), _describe(listener, sockaddr))

    def _pause(self, listener: Listener, error: OSError) -> None:
        """Said once, however long it lasts."""
        if error.errno not in _OUT_OF_RESOURCES:
            log.warning("a connection could not be accepted", error=str(error))
            return
        self._stop_accepting()
        if self._short and self._spare.give() and self._turn_away(listener):
            return
        if not self._short:
            self._short = True
            log.warning("no descriptors or memory left: connections wait", error=str(error))
        self._resumption = self._loop.call_later(_ACCEPT_PAUSE_S, self.accept)

    def _turn_away(self, listener: Listener) -> bool:
        """Whether the one who came first is now being told why, after which the next have their turn."""
        try:
            sock, sockaddr = listener.socket.accept()
        except OSError:
            return False
        session = self._session(sock, _describe(listener, sockaddr))
        self._spawn(session, partial(self._refuse, _NO_DESCRIPTORS)).add_done_callback(self._turned_away)
        return True

    def _turned_away(self, _: asyncio.Task[None]) -> None:
        if not self._closing:
            self.accept()

    def _begin(self, sock: socket.socket, peer: str, address: str) -> None:
        refusal = self._admission.admit(peer)
        if not refusal:
            session = self._session(sock, address, partial(self._admission.settle, peer))
            self._spawn(session, self._serve).add_done_callback(partial(self._left, peer, session))
        elif len(self._tasks) >= self._admission.connections + _REFUSALS_AT_ONCE:
            sock.close()
        else:
            self._spawn(self._session(sock, address), partial(self._refuse, refusal))

    def _spawn(self, session: Session, serve: Handler) -> asyncio.Task[None]:
        task = self._loop.create_task(serve(session))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, session))
        return task

    def _ended(self, session: Session, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        session.abort()  # a task that was cancelled before its first step has closed nothing

    def _left(self, peer: str, session: Session, _: asyncio.Task[None]) -> None:
        self._admission.leave(peer, session.role)

    def _session(self, sock: socket.socket, address: str, admits: Admits = admits_all) -> Session:
        if sock.family != socket.AF_UNIX:
            tune_tcp(sock, self._settings.send_timeout_s)
        connection = Connection(self._party, secrets.token_bytes(NONCE_BYTES), admits)
        return Session(SocketWire(sock, self._loop), connection, address, self._settings)

    async def _serve(self, session: Session) -> None:
        reason: VidprocError | None = None
        try:
            await session.open()
            await self._handler(session)
        except VidprocError as error:
            say = log.debug if isinstance(error, ConnectionLostError) else log.info
            say("session ended", peer=session.address, error=str(error), code=error.code)
            reason = error
        except Exception:
            log.exception("session failed", peer=session.address)
            reason = VidprocError("the coordinator failed; its log says why")
        finally:
            await session.close(reason)

    async def _refuse(self, why: str, session: Session) -> None:
        await session.close(UnreachableError(why))


def _describe(listener: Listener, sockaddr: object) -> str:
    if isinstance(sockaddr, tuple):
        host, port, *_ = sockaddr
        return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
    return str(listener.address)
