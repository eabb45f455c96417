"""What must not be touched, and tells whether it was."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path


class Canary:
    """A named pipe and a port of this host. Use it as a context; `sang` says what was done to it meanwhile.

    Whoever opens a pipe to write waits until somebody opens it to read: that is how reading is noticed.
    """

    def __init__(self, folder: Path) -> None:
        self.secret = folder / "secret.mp4"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self._read = threading.Event()
        self._thread = threading.Thread(target=self._wait)
        self._closing = False

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def sang(self) -> list[str]:
        return [*(["the file was read"] if self._read.is_set() else []), *self._dialled()]

    def _dialled(self) -> list[str]:
        try:
            self._listening.accept()[0].close()
        except BlockingIOError:
            return []
        return ["the port was dialled"]

    def _wait(self) -> None:
        os.close(os.open(self.secret, os.O_WRONLY))
        if not self._closing:
            self._read.set()

    def __enter__(self) -> Canary:
        os.mkfifo(self.secret)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        os.close(os.open(self.secret, os.O_RDONLY | os.O_NONBLOCK))
        self._thread.join()
        self._listening.close()
