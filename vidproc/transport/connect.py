"""Dialling a coordinator."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import secrets
import socket
from typing import Any

from vidproc.errors import ClientError, UnreachableError
from vidproc.protocol.connection import Connection
from vidproc.protocol.party import NONCE_BYTES, Party
from vidproc.transport.address import Address
from vidproc.transport.session import Session, SessionSettings
from vidproc.transport.wire import SocketWire, tune_tcp

ANY, IPV4, IPV6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6
_STAGGER_S = 0.25
"""How long one address is tried alone before the next one is tried beside it (RFC 8305, section 5)."""

_Endpoint = tuple[int, Any]


async def connect(
    address: Address,
    party: Party,
    *,
    family: socket.AddressFamily = ANY,
    timeout_s: float = 10.0,
    settings: SessionSettings | None = None,
) -> Session:
    """An open session with the coordinator at `address`. A host's addresses are all tried; `family` leaves some out.

    Raises `UnreachableError` if nobody answers in `timeout_s` seconds or the coordinator is full, `PeerError` and its
    kinds if the handshake fails, and `ClientError` for port 0.
    """
    if address.scheme == "tcp" and address.port == 0:
        raise ClientError("port 0 lets a coordinator choose one when it listens: give the one that it chose")
    sock = await _connected(address, family, timeout_s)
    return await adopt(sock, Connection(party, secrets.token_bytes(NONCE_BYTES)), address, settings)


async def adopt(
    sock: socket.socket, connection: Connection, address: Address, settings: SessionSettings | None = None
) -> Session:
    """An open session over a socket that is connected and will be closed with it. Its connection may be opened already.

    Raises `PeerError` and its kinds, or `UnreachableError`, if the handshake fails.
    """
    settings = settings or SessionSettings()
    with contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        if sock.family != socket.AF_UNIX:
            tune_tcp(sock, settings.send_timeout_s)
        session = Session(SocketWire(sock, asyncio.get_running_loop()), connection, str(address), settings)
        stack.pop_all()
    try:
        await session.open()
    except BaseException:
        await session.close()
        raise
    return session


async def _connected(address: Address, family: socket.AddressFamily, timeout_s: float) -> socket.socket:
    try:
        async with asyncio.timeout(timeout_s):
            return await _race(await _endpoints(address, family))
    except TimeoutError:
        raise _unreachable(address, f"no answer in {timeout_s:g} s") from None
    except socket.gaierror as error:
        raise _unreachable(address, str(error.strerror)) from None
    except OSError as error:  # asyncio puts a text of its own in place of the system's
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise UnreachableError(f"cannot connect to {address}: {os.strerror(error.errno)} (ulimit -n)") from None
        raise _unreachable(address, os.strerror(error.errno) if error.errno else str(error)) from None


def _unreachable(address: Address, reason: str) -> UnreachableError:
    where = f"--unix-socket {address.path}" if address.scheme == "unix" else f"--port {address.port}"
    return UnreachableError(
        f"no coordinator answers at {address} ({reason}): start one there with `vidproc-coordinator {where}`"
    )


async def _endpoints(address: Address, family: socket.AddressFamily) -> list[_Endpoint]:
    if address.scheme == "unix":
        return [(socket.AF_UNIX, address.path)]
    if address.host == "localhost":  # what it resolves to differs between systems; a coordinator listens on both
        found: list[_Endpoint] = [(IPV6, ("::1", address.port)), (IPV4, ("127.0.0.1", address.port))]
    else:
        found = await _resolved(address)
    chosen = [endpoint for endpoint in found if family in (ANY, endpoint[0])]
    if not chosen:
        raise OSError(f"{address.host} has no {'IPv6' if family == IPV6 else 'IPv4'} address")
    return chosen


async def _resolved(address: Address) -> list[_Endpoint]:
    with contextlib.suppress(ValueError):  # a numeric address needs no resolver, and so no thread
        numeric = ipaddress.ip_address(address.host)
        return [(IPV4 if numeric.version == 4 else IPV6, (address.host, address.port))]
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [(family, sockaddr) for family, _, _, _, sockaddr in found]


async def _race(endpoints: list[_Endpoint]) -> socket.socket:
    """The first socket that connects. Each endpoint gets a head start on the next; a failure lets the next go at once.

    Raises the first endpoint's `OSError` if all fail.
    """
    attempts: list[asyncio.Task[socket.socket]] = []
    waiting = list(endpoints)
    try:
        while waiting or not all(attempt.done() for attempt in attempts):
            if waiting:
                attempts.append(asyncio.create_task(_dial(*waiting.pop(0))))
            pending = [attempt for attempt in attempts if not attempt.done()]
            await asyncio.wait(
                pending, timeout=_STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in attempts:
                if attempt.done() and attempt.exception() is None:
                    attempts.remove(attempt)
                    return attempt.result()
        return attempts[0].result()
    finally:
        await _give_up(attempts)


async def _dial(family: int, sockaddr: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


async def _give_up(attempts: list[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()
