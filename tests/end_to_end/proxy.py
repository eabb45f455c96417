"""A wire with faults: a TCP proxy that counts what passes, cuts the connection or flips a bit where it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_BYTES = 64 * 1024


@dataclass
class Way:
    """One direction, over all connections. `cut_at`, `flip_at` and `stop_at` (where nothing passes any more) are
    positions in all that passes, and strike once."""

    passed: int = 0
    cut_at: int | None = None
    stop_at: int | None = None
    flip_at: int | None = None

    def through(self, data: bytes) -> bytes:
        begins, self.passed = self.passed, self.passed + len(data)
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
            self._open |= {near, far}
            for ends in ((near, far, self.up), (far, near, self.down)):
                self._threads.append(threading.Thread(target=self._pump, args=ends))
                self._threads[-1].start()

    def _pump(self, source: socket.socket, target: socket.socket, way: Way) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BYTES):
                target.sendall(way.through(data))
                if way.cuts:
                    break
                if way.stops:
                    self._closing.wait()
                    break
        _shut(source, target)

    def cut(self) -> None:
        """Every connection, now."""
        _shut(*self._open)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._closing.set()
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()


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
