"""How a daemon's log is written: one line an event, for people or as JSON, on standard error.

What goes through: the level, what the context says the line is of (a job, a chunk), the bound on lines of one kind, and
at last what must not be shown: secrets, and what could move a terminal's cursor.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys

import structlog

from vidproc.cli.log_rate import LogRate
from vidproc.cli.log_secrets import Secrets
from vidproc.config import CoordinatorSettings, WorkerSettings
from vidproc.errors import one_line, printable


def configure(given: argparse.Namespace, settings: CoordinatorSettings | WorkerSettings) -> None:
    """As the options `--log-level` and `--log-format` say, and the setting `log_rate`."""
    level = getattr(logging, given.log_level.upper())
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if given.log_format == "json":
        renderer = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[
            LogRate(settings.log_rate),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Secrets.of(settings),
            _printable,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(_Messages()),  # type: ignore[arg-type]
    )
    _hear_libraries()


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


class _FromLibraries(logging.Handler):
    """Warnings of asyncio, uvicorn and others, which use Python's own `logging`, become lines like all."""

    def emit(self, record: logging.LogRecord) -> None:
        say = structlog.get_logger().error if record.levelno >= logging.ERROR else structlog.get_logger().warning
        say(record.name, message=record.getMessage(), exc_info=record.exc_info)


def _hear_libraries() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _FromLibraries)]:
        root.removeHandler(handler)
    root.addHandler(_FromLibraries(logging.WARNING))
