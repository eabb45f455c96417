"""Two sessions joined in memory, for tests of whatever speaks through a session.

They are real sessions with the real protocol between them; only the wire is made of two buffers in place of a socket,
so nothing is opened and nothing is left. Descriptors can't travel.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from vidproc.protocol.connection import Connection
from vidproc.protocol.framing import Buffer
from vidproc.protocol.party import NONCE_BYTES, Party
from vidproc.transport.session import Session, SessionSettings

_CAPACITY = 64 * 1024


async def memory_pair(
    peer: Party, coordinator: Party, settings: SessionSettings | None = None
) -> tuple[Session, Session]:
    """The peer's session and the coordinator's, both open. Raises what the handshake raises on the peer's side."""
    settings = settings or SessionSettings()
    near, far = MemoryWire.pair()
    sessions = (
        Session(near, Connection(peer, secrets.token_bytes(NONCE_BYTES)), "memory", settings),
        Session(far, Connection(coordinator, secrets.token_bytes(NONCE_BYTES)), "memory", settings),
    )
    outcomes = await asyncio.gather(*(session.open() for session in sessions), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            await asyncio.gather(*(session.close() for session in sessions))
            raise outcome
    return sessions


class MemoryWire:
    """One end. What one end writes waits in the other's `incoming`, up to a capacity."""

    def __init__(self) -> None:
        self.carries_fds = False
        self._other = self
        self._incoming = bytearray()
        self._ended = self._closed = False
        self._scheduled = False
        self._on_readable: Callable[[], None] | None = None
        self._on_writable: Callable[[], None] | None = None

    @classmethod
    def pair(cls) -> tuple[MemoryWire, MemoryWire]:
        near, far = cls(), cls()
        near._other, far._other = far, near
        return near, far

    def read(self) -> tuple[bytes, list[int]]:
        if not self._readable():
            raise BlockingIOError
        data = bytes(self._incoming)
        self._incoming.clear()
        self._other._look_around()
        return data, []

    def write(self, buffers: Sequence[Buffer], fds: Sequence[int]) -> int:
        other = self._other
        if other._closed or other._ended:
            raise BrokenPipeError("the other end is closed")
        if not self._writable():
            raise BlockingIOError
        data = b"".join(buffers)[: _CAPACITY - len(other._incoming)]
        other._incoming += data
        other._look_around()
        return len(data)

    def watch_reading(self, callback: Callable[[], None] | None) -> None:
        self._on_readable = callback
        self._look_around()

    def watch_writing(self, callback: Callable[[], None] | None) -> None:
        self._on_writable = callback
        self._look_around()

    def end_writing(self) -> None:
        self._other._ended = True
        self._other._look_around()

    def close(self) -> None:
        self._closed = True
        self._on_readable = self._on_writable = None
        self.end_writing()

    def _readable(self) -> bool:
        return bool(self._incoming) or self._ended

    def _writable(self) -> bool:
        return self._other._closed or len(self._other._incoming) < _CAPACITY

    def _look_around(self) -> None:
        """Have the event loop call back, as it would for a socket that is ready."""
        if not self._scheduled and self._due():
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._call_back)

    def _due(self) -> bool:
        return bool((self._on_readable and self._readable()) or (self._on_writable and self._writable()))

    def _call_back(self) -> None:
        self._scheduled = False
        if self._on_readable and self._readable():
            self._on_readable()
        if self._on_writable and self._writable():
            self._on_writable()
        self._look_around()
