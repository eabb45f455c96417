"""Listening sockets: IPv6 and IPv4 at once on one port, and AF_UNIX.

Each family gets a socket of its own. `IPV6_V6ONLY` is always set: a dual-stack socket beside an IPv4 one would collide,
and whether the system makes them dual-stack is a setting of its own (net.ipv6.bindv6only). `::` therefore means `::`
and `0.0.0.0`, and `localhost` both loopbacks, whatever the resolver says of it. Where one family is missing the other
one serves alone.

A file left by a dead coordinator must not keep a new one from starting, and a new one must not steal the socket of one
that lives, which asyncio's own `create_unix_server` does (https://github.com/python/cpython/issues/121252). A lock on
the folder keeps two that start at once apart: each asks the socket for life, removes it if there is none and puts its
own there, all under the lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vidproc.errors import ClientError
from vidproc.transport.address import Address

BACKLOG = 1024
_PORT_TRIES = 20

_BOTH_FAMILIES = {"localhost": ("::1", "127.0.0.1"), "::": ("::", "0.0.0.0")}
"""Hosts that stand for an address of either family."""

_FAMILY_MISSING = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


@dataclass(frozen=True, slots=True)
class Listener:
    """A non-blocking socket that listens, and where. `inode` tells our own socket file from a later one."""

    socket: socket.socket
    address: Address
    inode: tuple[int, int] | None = None

    def close(self) -> None:
        """Stop listening and remove the socket file, if it is still ours."""
        self.socket.close()
        with contextlib.suppress(OSError):
            if self.inode is not None and _inode(self.address.path) == self.inode:
                os.unlink(self.address.path)


def listen(addresses: Iterable[Address]) -> list[Listener]:
    """Listen on all of them, or raise `ClientError` with nothing left open. Port 0 chooses a port free everywhere."""
    with contextlib.ExitStack() as opened:
        listeners: list[Listener] = []
        for address in addresses:
            for listener in _listen_unix(address) if address.scheme == "unix" else _listen_tcp(address):
                opened.callback(listener.close)
                listeners.append(listener)
        opened.pop_all()
    return listeners


# TCP


def _listen_tcp(address: Address) -> list[Listener]:
    tries_left = 0 if address.port else _PORT_TRIES
    while True:
        try:
            return _listen_everywhere(address)
        except OSError as error:
            if not tries_left or error.errno != errno.EADDRINUSE:
                raise _refused(address, error) from None
        tries_left -= 1  # a port that was chosen in one family may be taken in the other


def _listen_everywhere(address: Address) -> list[Listener]:
    """One socket a family, all on the port that the first one got."""
    listeners: list[Listener] = []
    missing: OSError | None = None
    port = address.port
    with contextlib.ExitStack() as opened:
        for family, (host, _, *scope) in _hosts(address):
            try:
                sock = _bound(family, (host, port, *scope))
            except OSError as error:
                if error.errno not in _FAMILY_MISSING:
                    raise
                missing = error
                continue
            opened.callback(sock.close)
            port = sock.getsockname()[1]
            listeners.append(Listener(sock, Address.tcp(host, port)))
        if missing is not None and not listeners:
            raise missing
        opened.pop_all()
    return listeners


def _hosts(address: Address) -> list[tuple[int, tuple[Any, ...]]]:
    """Families and socket addresses. Numeric hosts pass through the resolver too, which knows about IPv6 zones."""
    found: dict[tuple[int, tuple[Any, ...]], None] = {}
    for host in _BOTH_FAMILIES.get(address.host, (address.host,)):
        try:
            for family, _, _, _, sockaddr in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
                found[family, sockaddr] = None
        except OSError as error:
            raise ClientError(f"can't listen on {address}: {error.strerror or error}") from None
    return list(found)


def _bound(family: int, sockaddr: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(sockaddr)
        sock.listen(BACKLOG)  # at once: until then another socket with SO_REUSEADDR may bind the same port
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _refused(address: Address, error: OSError) -> ClientError:
    if error.errno == errno.EADDRINUSE:
        return ClientError(
            f"{address} is in use, perhaps by another coordinator: stop that program, or choose another port"
        )
    if error.errno == errno.EACCES:
        return ClientError(f"may not listen on {address}: choose a --port of 1024 or more")
    return ClientError(f"can't listen on {address}: {error.strerror or error}")


# AF_UNIX


def _listen_unix(address: Address) -> list[Listener]:
    try:
        with _locked(os.path.dirname(address.path)):
            _make_way(address)
            sock = _bound_unix(address.path)
            return [Listener(sock, address, _inode(address.path))]
    except OSError as error:
        raise ClientError(f"can't listen on {address}: {error.strerror or error}") from None


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ClientError(f"another program is starting to listen in {folder} at this moment: try again") from None
    finally:
        os.close(descriptor)


def _make_way(address: Address) -> None:
    """Remove a socket that nobody serves; refuse one that lives and any file that is no socket."""
    try:
        mode = os.lstat(address.path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ClientError(f"{address.path} exists and is no socket: remove it yourself or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        result = probe.connect_ex(address.path)
    if result == errno.ECONNREFUSED:
        os.unlink(address.path)
    elif result != errno.ENOENT:
        raise ClientError(f"{address} is in use by another program: stop it, or choose another path")


def _bound_unix(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux gives the file the socket's own mode; the process's umask, which other threads use too, stays alone.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(path)
    except BaseException:
        sock.close()
        raise
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _inode(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino
