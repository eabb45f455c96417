"""What the programs share: how they say where, how they fail, how they end.

Kept light: `--help` must not wait for OpenCV or FFmpeg, so the programs import those rooms when they need them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TextIO

from vidproc._version import __version__
from vidproc.cli import end_early
from vidproc.errors import ClientError, StorageError, VidprocError, one_line

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

INTERRUPTED = 130
UNREAD = 141
"""Whoever read what a program says has left, as `head` does. A shell tells so of those that SIGPIPE ends."""


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows each option's default, and keeps the examples' lines as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, [], ()):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(ClientError.exit_code, f"error: {one_line(message)} ({self.prog} --help lists the options)\n")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """argparse's own keeps it to itself when nobody could read that."""

        def say() -> int:
            print(message or "", end="", file=file or sys.stderr)
            return 0

        if code := _heard(say):
            sys.exit(code)


def parser(prog: str, description: str, examples: str) -> argparse.ArgumentParser:
    made = Parser(prog=prog, description=description, epilog=f"examples:\n{examples}", formatter_class=Formatter)
    made.add_argument("--version", action="version", version=f"vidproc {__version__}")
    return made


def add_where(to: argparse.ArgumentParser) -> None:
    """Options that say where the coordinator is."""
    where = to.add_argument_group("where the coordinator is")
    where.add_argument("--host", metavar="H", help="its host name or address (default: localhost)")
    where.add_argument("--port", type=int, metavar="P", help="its port (default: 9090)")
    where.add_argument("--unix-socket", metavar="PATH", help="its AF_UNIX socket, on this host, instead of a port")
    where.add_argument("--token-file", metavar="FILE", help="file with the token, if the coordinator was given one")
    family = where.add_mutually_exclusive_group()
    family.add_argument("--ipv4", action="store_true", default=None, help="use IPv4 only")
    family.add_argument("--ipv6", action="store_true", default=None, help="use IPv6 only")


def run(program: Callable[[], int]) -> int:
    """A program's exit code; its errors become one line, unless nobody reads it any more."""
    if signal.getsignal(signal.SIGINT) is end_early:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with _as_ctrl_c_too(signal.SIGTERM), _as_ctrl_c_too(signal.SIGHUP):
            return _heard(lambda: _told(program))
    except KeyboardInterrupt:
        return _heard(_interrupted)


def _told(program: Callable[[], int]) -> int:
    try:
        return program()
    except VidprocError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code


def _interrupted() -> int:
    """Nothing is left to tidy up: whoever asks once more wants no traceback, and is not waited for."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    print("interrupted", file=sys.stderr)
    signal.signal(signal.SIGINT, before)
    return INTERRUPTED


def _heard(say: Callable[[], int]) -> int:
    """What was said is out; of what could not be said nothing is tried again at exit."""
    try:
        code = say()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _say_no_more(sys.stdout, sys.stderr)
        return UNREAD
    except OSError as error:  # a full disk, mostly; files that the program works on have sentences of their own
        _say_no_more(sys.stdout)
        print(f"error: standard output: {error.strerror}", file=sys.stderr)
        return StorageError.exit_code


def _say_no_more(*streams: TextIO) -> None:
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def leave(code: int) -> NoReturn:
    """End the process now. To undo all its imports would take Python 17 ms, a fiftieth of a short job, for nothing."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Python's own answer to Ctrl-C is given at once: of a signal raised here, what waits in the system would not hear
    before its wait is over, as that for somebody to write into a named pipe never is."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _as_ctrl_c_too(number: int) -> Iterator[None]:
    """Whoever is asked to stop tidies up, whichever way it is asked, but for a signal that is ignored, as nohup(1) sees
    to. Daemons put handlers of their own over this."""
    before = signal.getsignal(number)
    if before is not signal.SIG_IGN:
        signal.signal(number, _as_ctrl_c)
    try:
        yield
    finally:
        signal.signal(number, before)
