"""What the two daemons have in common: logs, limits, signals."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable

import structlog

from vidproc.cli import options
from vidproc.cli.log_rate import LogRate
from vidproc.errors import one_line, printable

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def configure_logs(given: argparse.Namespace, rate: int = 100) -> None:
    """At most `rate` lines a second of one kind."""
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if given.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            LogRate(rate),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _printable,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, given.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(_Messages()),  # type: ignore[arg-type]
    )


class _Messages:
    """Standard error, but what a full disk or a reader that has left does not take is lost, and stops no work."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def _printable(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What others wrote, as a film's name, moves no cursor and forges no line; a traceback keeps its lines."""
    for key, value in event.items():
        if isinstance(value, str):
            lines = value.splitlines() if key == "exception" else [one_line(value)]
            event[key] = "\n".join(map(printable, lines))
    return event


_MOST_DESCRIPTORS = 2**20
"""Some systems allow a thousand times as many, and what goes through all of them takes as long."""


def take_descriptors() -> None:
    """Have as many descriptors as the system allows: the usual limit is one for programs that use `select`."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def leave_within(limit_s: float, code: int) -> None:
    """End the process by then, whatever may hold it: a disk that does not answer, a large film that is being hashed.
    What was acknowledged is written down, and the rest is done again."""
    watch = threading.Timer(limit_s, _leave, (limit_s, code))
    watch.daemon = True
    watch.start()


def _leave(limit_s: float, code: int) -> None:
    structlog.get_logger().warning("stopping takes too long: leaving", limit_s=limit_s)
    os._exit(code)


class StopSignals:
    """Calls `stop` once on SIGTERM, SIGINT, or SIGHUP of a terminal that is closed; a second one ends the process as if
    it had no handler. A SIGHUP that is ignored, as nohup(1) sees to, stays so."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._came = 0
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._heard = [number for number in _STOPPING if not (ignored and number == signal.SIGHUP)]
        for number in self._heard:
            asyncio.get_running_loop().add_signal_handler(number, self._first, number)

    @property
    def exit_code(self) -> int:
        """Of a program that has stopped: an operator's Ctrl-C has interrupted it, a service manager has not."""
        return options.INTERRUPTED if self._came == signal.SIGINT else 0

    def _first(self, number: int) -> None:
        self._came = number
        for each in self._heard:
            asyncio.get_running_loop().remove_signal_handler(each)
        self._stop()
