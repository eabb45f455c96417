"""What the two daemons have in common: limits, signals."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from vidproc.cli import logs, options
from vidproc.cli.settings import settings_of
from vidproc.config import CoordinatorSettings, WorkerSettings

_Settings = TypeVar("_Settings", CoordinatorSettings, WorkerSettings)

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_MOST_DESCRIPTORS = 2**20
"""Some systems allow a thousand times as many, and what goes through all of them takes as long."""


def run(
    kind: type[_Settings], given: argparse.Namespace, course: Callable[[_Settings], Coroutine[Any, Any, int]]
) -> int:
    """The exit code of a daemon with these options."""
    settings = settings_of(kind, given)
    logs.configure(given, settings)
    _take_descriptors()
    return asyncio.run(course(settings))


def _take_descriptors() -> None:
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
