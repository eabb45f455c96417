"""What a session needs of whatever carries its bytes, and the carrier made of a socket.

asyncio's own transports can't pass descriptors and copy what they can't send at once, so a session reads and writes a
non-blocking socket by itself, told by the event loop when it may.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from vidproc.errors import PeerError
from vidproc.protocol.connection import MAX_FDS
from vidproc.protocol.framing import Buffer

_READ_BYTES = 256 * 1024
_FD_BYTES = array.array("i").itemsize


class Wire(Protocol):
    """A stream of bytes in both directions that never blocks.

    `read` gives some bytes and the descriptors that came with them, nothing at the end of the stream, and raises
    `BlockingIOError` when there are none yet. `write` says how many bytes it took, or raises the same; descriptors go
    with the first of them. `watch_*` sets what the event loop calls, again and again, while one can read or write;
    `None` ends that. All raise `OSError` when the other end is gone.
    """

    @property
    def carries_fds(self) -> bool: ...

    def read(self) -> tuple[bytes, list[int]]: ...

    def write(self, buffers: Sequence[Buffer], fds: Sequence[int]) -> int: ...

    def watch_reading(self, callback: Callable[[], None] | None) -> None: ...

    def watch_writing(self, callback: Callable[[], None] | None) -> None: ...

    def end_writing(self) -> None: ...

    def close(self) -> None: ...


class SocketWire:
    """Over a connected stream socket, which it owns from here on."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._loop = loop
        self.carries_fds = sock.family == socket.AF_UNIX

    def read(self) -> tuple[bytes, list[int]]:
        if not self.carries_fds:
            return self._socket.recv(_READ_BYTES), []
        room = socket.CMSG_SPACE(MAX_FDS * _FD_BYTES)
        data, ancillary, flags, _ = self._socket.recvmsg(_READ_BYTES, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
        fds = [fd for level, kind, body in ancillary if _are_fds(level, kind) for fd in _unpacked(body)]
        if flags & socket.MSG_CTRUNC:
            close_fds(fds)
            raise PeerError(f"descriptors came that could not be taken: more than {MAX_FDS}, or none are free here")
        return data, fds

    def write(self, buffers: Sequence[Buffer], fds: Sequence[int]) -> int:
        if not fds:
            return self._socket.sendmsg(buffers)
        return self._socket.sendmsg(buffers, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

    def watch_reading(self, callback: Callable[[], None] | None) -> None:
        if callback is None:
            self._loop.remove_reader(self._socket)
        else:
            self._loop.add_reader(self._socket, callback)

    def watch_writing(self, callback: Callable[[], None] | None) -> None:
        if callback is None:
            self._loop.remove_writer(self._socket)
        else:
            self._loop.add_writer(self._socket, callback)

    def end_writing(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self.watch_reading(None)
            self.watch_writing(None)
            self._socket.close()


def _are_fds(level: int, kind: int) -> bool:
    return level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS


def _unpacked(body: bytes) -> array.array[int]:
    fds = array.array("i")
    fds.frombytes(body[: len(body) - len(body) % _FD_BYTES])
    return fds


def close_fds(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def duplicate_fds(fds: Sequence[int]) -> list[int]:
    copies: list[int] = []
    try:
        for fd in fds:
            copies.append(os.dup(fd))
    except OSError:
        close_fds(copies)
        raise
    return copies


def tune_tcp(sock: socket.socket, dead_after_s: float) -> None:
    """Send small messages at once, and let the system too notice a host that vanished.

    `TCP_USER_TIMEOUT` (Linux) also bounds how long a peer that is alive may keep its window shut. A connection that
    was reset meanwhile may refuse an option; reading from it will tell.
    """
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if sys.platform == "linux":
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(dead_after_s / 3))),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, int(dead_after_s / 6))),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(dead_after_s * 1000)),
        ]
    with contextlib.suppress(OSError):
        for option in options:
            sock.setsockopt(*option)
