"""The connection to a database's server, which is cut when the server says nothing for too long.

A server that is stopped, or that waits for a disk which does not answer, has a host that lives and acknowledges
whatever is sent: TCP can't tell it from one that works. It does not keep its own limit (`statement_timeout`) either.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog

_SILENT_S = 40.0
"""For one call; a server that lives ends each statement before."""

log = structlog.get_logger()

T = TypeVar("T")


class ServerWire:
    """Of an engine that has one connection to a server at a time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._driver: Any = None
        sa.event.listen(engine, "connect", self._connected)

    def _connected(self, driver: Any, _: object) -> None:
        self._driver = driver

    def watched(self, call: Callable[[], T]) -> T:
        """What `call` gives, which asks the server. It loses the connection if it takes too long."""
        watch = threading.Timer(_SILENT_S, self._cut)
        watch.daemon = True
        watch.start()
        try:
            return call()
        finally:
            watch.cancel()
            watch.join()

    def _cut(self) -> None:
        """Whoever waits at the other end of this in another thread is woken by it."""
        log.warning("the database's server says nothing: its connection is cut", limit_s=_SILENT_S)
        if self._driver is None or self._driver.closed:
            return  # it is being made, which has a limit of its own
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._driver.fileno())) as sock:
            sock.shutdown(socket.SHUT_RDWR)
