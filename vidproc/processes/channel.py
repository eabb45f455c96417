"""The child's end of its socket: the protocol's framing, blocking, as a child has nothing else to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any

from vidproc.protocol.framing import FrameReader, Limits, pack

PIPE_LIMITS = Limits(header=64 * 2**20, payload=2**31 - 1, length=2**20, items=2**24)
"""Between a parent and its own child: a chunk's packets go in one piece."""

_BLOCK = 2**20


class Channel:
    """Iterate for `(header, payload)` until the parent closes its end; `send` to answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = FrameReader(PIPE_LIMITS)

    def __iter__(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        while data := self._socket.recv(_BLOCK):
            self._reader.feed(data)
            yield from self._reader

    def send(self, header: Mapping[str, Any], payload: bytes | bytearray | memoryview = b"") -> None:
        for piece in pack(header, payload):
            self._socket.sendall(piece)
