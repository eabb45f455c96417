"""A terminal of some size, what a program draws on it, and what is typed there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
from typing import Any

from rich.cells import cell_len

from tests.end_to_end.programs import until

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
"""Of the alternate screen, behind which all stays that was there before."""

_HOME = b"\x1b[H"
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """`theirs` is the program's side, to be given as its streams."""

    def __init__(self, columns: int = 100, lines: int = 30) -> None:
        self._ours, self.theirs = pty.openpty()
        self._open = [self.theirs, self._ours]
        self.seen = b""
        self.resize(columns, lines)
        self.settings = self.current_settings()

    @property
    def streams(self) -> dict[str, Any]:
        """For a program that is started here."""
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        return {**dict.fromkeys(("stdin", "stdout", "stderr"), self.theirs), "env": {**env, "TERM": "xterm-256color"}}

    def resize(self, columns: int, lines: int) -> None:
        self._size = columns, lines
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def current_settings(self) -> list[Any]:
        return termios.tcgetattr(self.theirs)

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def picture(self) -> list[str]:
        """The lines of the last one that was drawn to its end, each as wide as the terminal; none, if none was."""
        while select.select([self._ours], [], [], 0)[0]:
            self.seen += os.read(self._ours, 65536)
        for drawn in reversed(self.seen.split(_HOME)[1:]):
            lines = _ESCAPES.sub(b"", drawn.partition(LEAVE)[0]).decode(errors="replace").splitlines()
            if (cell_len(lines[-1]) if lines else 0, len(lines)) == self._size:
                return lines
        return []

    def showing(self, words: str) -> list[str]:
        """Wait for a picture with these words."""
        until(lambda: words in "\n".join(self.picture()), f"the terminal to show {words!r}")
        return self.picture()

    def without(self, words: str) -> list[str]:
        """Wait for one without them."""
        until(lambda: self.picture() and words not in "\n".join(self.picture()), f"{words!r} to go")
        return self.picture()

    def close(self) -> None:
        """What runs there is told of it, if it reads; closing twice does nothing."""
        while self._open:
            os.close(self._open.pop())
