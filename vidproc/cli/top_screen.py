"""The whole terminal, for a picture that changes: drawn over the last one, and given back as it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

Draw = Callable[[int, int], Text]
"""A picture for so many columns and lines."""


def possible() -> bool:
    """Whether there is a terminal that can do this."""
    return Console().is_terminal and not Console().is_dumb_terminal


class Screen:
    """`async with` it: the terminal is its own then, but while the program is suspended. `quit` is set when somebody
    presses q, and when the terminal is closed, which a program that nohup(1) started would not be told."""

    def __init__(self, draw: Draw) -> None:
        self.quit = asyncio.Event()
        self._draw = draw
        self._console = Console(highlight=False)
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._keys = _Keys()

    async def __aenter__(self) -> Screen:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self.draw)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._enter()
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGWINCH)
        loop.remove_signal_handler(signal.SIGTSTP)
        self._leave()

    def draw(self) -> None:
        width, height = self._console.size
        self._live.update(self._draw(width, height), refresh=True)

    def _enter(self) -> None:
        self._keys.take(self._pressed)
        self._live.start()
        self.draw()

    def _leave(self) -> None:
        with contextlib.suppress(OSError):  # a terminal that was closed needs nothing back
            self._live.stop()
        self._keys.give_back()

    def _suspend(self) -> None:
        """As Ctrl-Z asks for; goes on here when the shell's fg does."""
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()

    def _pressed(self, keys: bytes) -> None:
        if not keys or b"q" in keys.lower():
            self.quit.set()
        else:
            self.draw()


class _Keys:
    """What is typed, at once and unseen, where there is a terminal to type on; nothing, when that was closed."""

    def __init__(self) -> None:
        self._before: list[Any] = []

    def take(self, pressed: Callable[[bytes], None]) -> None:
        if not sys.stdin.isatty():
            return
        self._file = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._file)
        tty.setcbreak(self._file)
        asyncio.get_running_loop().add_reader(self._file, self._read, pressed)

    def _read(self, pressed: Callable[[bytes], None]) -> None:
        keys = b""
        with contextlib.suppress(OSError):
            keys = os.read(self._file, 1024)
        pressed(keys)

    def give_back(self) -> None:
        if self._before:
            asyncio.get_running_loop().remove_reader(self._file)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)
