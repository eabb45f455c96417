"""A wire with faults: a TCP proxy that counts what passes, cuts or resets the connection, flips a bit, holds back what
passes, or passes one byte at a time, where and when it is told to."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_BYTES = 64 * 1024
_PREFIX = struct.Struct(">II")
"""Of a message: the lengths of its header and of its payload."""
_libc = ctypes.CDLL(None)
_NOWHERE = ctypes.create_string_buffer(struct.pack("=H14x", socket.AF_UNSPEC))


@dataclass
class Way:
    """One direction, over all connections. `cut_at`, `flip_at`, `hold_at` and `stop_at` (where nothing passes any more)
    are positions in all that passes, and strike once; so does `reset_in`, a number of messages. While `passing` is not
    set bytes are held back. `singly`: one byte at a time."""

    passed: int = 0
    cut_at: int | None = None
    stop_at: int | None = None
    hold_at: int | None = None
    flip_at: int | None = None
    reset_in: int | None = None
    singly: bool = False
    passing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.passing.set()

    def through(self, data: bytes) -> bytes:
        begins, self.passed = self.passed, self.passed + len(data)
        if self.hold_at is not None and self.passed >= self.hold_at:
            self.hold_at = None
            self.passing.clear()
        if self.flip_at is not None and begins <= self.flip_at < self.passed:
            at, self.flip_at = self.flip_at - begins, None
            return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]
        return data

    @property
    def cuts(self) -> bool:
        if self.cut_at is None or self.passed < self.cut_at:
            return False
        self.cut_at = None
        return True

    def resets(self) -> bool:
        """Another message has passed."""
        if self.reset_in is not None:
            self.reset_in -= 1
        if self.reset_in != 0:
            return False
        self.reset_in = None
        return True

    @property
    def stops(self) -> bool:
        return self.stop_at is not None and self.passed >= self.stop_at


@dataclass
class Proxy:
    """`up` is what comes from those who dial, `down` what they are answered."""

    target: int
    up: Way = field(default_factory=Way)
    down: Way = field(default_factory=Way)
    connections: int = 0

    def __post_init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except ConnectionRefusedError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {near, far}
            for ends in ((near, far, self.up), (far, near, self.down)):
                self._threads.append(threading.Thread(target=self._pump, args=ends))
                self._threads[-1].start()

    def _pump(self, source: socket.socket, target: socket.socket, way: Way) -> None:
        pieces = Pieces()
        with contextlib.suppress(OSError):
            while data := source.recv(_BYTES):
                way.passing.wait()
                for piece, ends in pieces.of(way.through(data), way):
                    target.sendall(piece)
                    if ends and way.resets():
                        _reset(source, target)
                        return
                if way.cuts:
                    break
                if way.stops:
                    self._closing.wait()
                    break
        _shut(source, target)

    def cut(self) -> None:
        """Every connection, now."""
        _shut(*self._open)

    def hold(self, *ways: Way) -> None:
        """Let no byte pass on these, until `heal`: all of them come then."""
        for way in ways:
            way.passing.clear()

    def heal(self) -> None:
        for way in (self.up, self.down):
            way.passing.set()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._closing.set()
        self.heal()
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()


class Pieces:
    """What passes on one connection, cut where messages end."""

    def __init__(self) -> None:
        self._prefix = b""
        self._missing = 0

    def of(self, data: bytes, way: Way) -> Iterator[tuple[bytes, bool]]:
        """Each piece, and whether a message ends with it. One piece is enough where nobody looks at messages."""
        if way.singly:
            yield from ((data[at : at + 1], False) for at in range(len(data)))
        elif way.reset_in is None:
            yield data, False
            for _ in self._split(data):
                pass
        else:
            yield from self._split(data)

    def _split(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        while data:
            piece = data[: self._missing or _PREFIX.size - len(self._prefix)]
            data = data[len(piece) :]
            if self._missing:
                self._missing -= len(piece)
                yield piece, not self._missing
                continue
            self._prefix += piece
            if len(self._prefix) == _PREFIX.size:
                self._missing, self._prefix = sum(_PREFIX.unpack(self._prefix)), b""
            yield piece, False


def _reset(*ends: socket.socket) -> None:
    """As a machine that has forgotten the connection answers: RST, not FIN. See `AF_UNSPEC` in connect(2)."""
    for end in ends:
        _libc.connect(end.fileno(), _NOWHERE, len(_NOWHERE.raw))


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    made = Proxy(target)
    try:
        yield made
    finally:
        made.close()
