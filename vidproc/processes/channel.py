"""The child's end of its socket: the protocol's framing, blocking, as a child has nothing else to do."""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterator, Mapping
from multiprocessing.connection import wait
from typing import Any

from vidproc.protocol.framing import FrameReader, Limits, pack

PIPE_LIMITS = Limits(header=64 * 2**20, payload=2**31 - 1, length=2**20, items=2**24)
"""Between a parent and its own child: a chunk's packets go in one piece."""

_BLOCK = 2**20
_IDLE_AFTER_S = 30.0


class Channel:
    """Iterate for `(header, payload)` until the parent closes its end, or `receive` one; `send` to answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = FrameReader(PIPE_LIMITS)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        while True:
            try:
                yield self.receive()
            except EOFError:
                return

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next message. Raises `EOFError` when the parent has closed its end."""
        while True:
            for message in self._reader:
                return message
            data = self._received()
            if not data:
                raise EOFError("the parent is gone")
            self._reader.feed(data)

    def _received(self) -> bytes:
        if not wait([self._socket], _IDLE_AFTER_S):
            give_memory_back()
        return self._socket.recv(_BLOCK)

    def send(self, header: Mapping[str, Any], payload: bytes | bytearray | memoryview = b"") -> None:
        for piece in pack(header, payload):
            self._socket.sendall(piece)


def give_memory_back() -> None:
    """Let the system have what the allocator keeps for later; nothing to do where it is not glibc's."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
