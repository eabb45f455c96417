"""Sessions joined over each kind of wire, and what the tests of the transport say in common."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.loops import run as run
from tests.loops import until as until
from vidproc.protocol.party import Party
from vidproc.transport.address import Address
from vidproc.transport.connect import connect
from vidproc.transport.listen import listen
from vidproc.transport.memory import memory_pair
from vidproc.transport.server import Handler, Server, serve
from vidproc.transport.session import Session, SessionSettings


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")

SOCKET_KINDS = (pytest.param("tcp6", marks=needs_ipv6), "tcp4", "unix")
KINDS = (*SOCKET_KINDS, "memory")

Pair = tuple[Session, Session]


def party(role: str, token: bytes | None = None, **changes: Any) -> Party:
    return Party(**{"role": role, "name": f"the {role}", "versions": {"vidproc": "1.0"}, "token": token, **changes})


def address(kind: str, folder: Path) -> Address:
    if kind == "unix":
        return Address.unix(folder / "socket")
    return Address.tcp("::1" if kind == "tcp6" else "127.0.0.1", 0)


@contextlib.asynccontextmanager
async def server(where: Address, handler: Handler, **options: Any) -> AsyncIterator[Server]:
    options.setdefault("party", party("coordinator"))
    async with await serve(listen([where]), handler, **options) as running:
        yield running


@contextlib.asynccontextmanager
async def pair(
    kind: str, folder: Path, peer: Party, coordinator: Party, settings: SessionSettings | None = None
) -> AsyncIterator[Pair]:
    """Two open sessions, the peer's and the coordinator's. Both are closed in the end."""
    if kind == "memory":
        sessions = await memory_pair(peer, coordinator, settings)
        try:
            yield sessions
        finally:
            await asyncio.gather(*(session.close() for session in sessions))
        return
    accepted: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def handle(session: Session) -> None:
        accepted.set_result(session)
        await done.wait()

    async with server(address(kind, folder), handle, party=coordinator, settings=settings) as running:
        try:
            async with await connect(running.listeners[0].address, peer, settings=settings) as session:
                yield session, await accepted
        finally:
            done.set()


def raw_socket(where: Address) -> socket.socket:
    """A plain blocking connection, for peers that don't behave."""
    if where.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(where.path)
        return sock
    return socket.create_connection((where.host, where.port))


async def read_all(sock: socket.socket) -> bytes:
    """What comes until the other side ends the connection."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await loop.sock_recv(sock, 65536):
            data += piece
    return data
