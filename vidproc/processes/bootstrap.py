"""What every child does before its own work: take no Ctrl-C or SIGTERM, keep to its limits, end with its parent.

It leads a process group of its own, so that what it starts, as a user's filter may, ends with it.
A limit that is too small to work with is refused in words, before it holds: under it a child could not even say so.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import multiprocessing
import os
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType

from vidproc.errors import MemoryLimitError
from vidproc.processes.channel import Channel
from vidproc.processes.failure import plain
from vidproc.processes.gauge import Gauge

Entry = Callable[[Channel, Gauge], None]
"""What a child runs. It is named, as "package.module:function", so that the parent need not import it; it returns when
the channel ends."""

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask a program to stop."""

_LEAST_ROOM = 64 * 2**20
"""Bytes beyond what a child takes from its first moment on. The smallest films need about so much."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """`memory` is the most address space in bytes, 0 for no limit."""

    memory: int = 0


def run(entry: str, sock: socket.socket, gauge: Gauge, limits: ChildLimits) -> None:
    """The child's life. Signals that ask to stop are the parent's to act on; they reach children too, as a terminal's
    Ctrl-C does, and the SIGTERM that a service manager sends to all processes of a service."""
    os.setpgid(0, 0)
    for number in STOPPING:
        signal.signal(number, _leave_to_parent)
        signal.siginterrupt(number, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    _die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # standard output may be the film; what a filter prints goes to the messages
        os.dup2(2, 1)
    try:
        with contextlib.suppress(ConnectionError):  # the parent wants no more answers
            _work(entry, Channel(sock), gauge, limits)
    except MemoryError:  # outside any task, so that nobody else tells of it; a traceback would say no more
        os.write(2, b"vidproc: a process ran out of memory: raise --memory-limit\n")
        os._exit(1)


def _leave_to_parent(number: int, frame: FrameType | None) -> None:
    """Not SIG_IGN, which programs that a filter starts would inherit: nobody could stop them."""


def _work(entry: str, channel: Channel, gauge: Gauge, limits: ChildLimits) -> None:
    try:
        _limit_memory(limits.memory)
    except MemoryLimitError as error:
        channel.send({"failed": plain(error)})
        for _ in channel:  # until the parent, which may be about to send something, has read that
            pass
        return
    module, _, function = entry.partition(":")
    main: Entry = getattr(importlib.import_module(module), function)
    main(channel, gauge)


def _limit_memory(asked: int) -> None:
    """Set the limit, or one that whoever started us has set already if that is lower."""
    limits = [limit for limit in (asked or -1, resource.getrlimit(resource.RLIMIT_AS)[1]) if limit >= 0]
    if not limits:
        return
    limit, least = min(limits), _address_space() + _LEAST_ROOM
    if limit < least:
        raise MemoryLimitError(
            f"{limit >> 20} MiB of address space are too little: a process takes at least {(least >> 20) + 1} MiB "
            "(--memory-limit)"
        )
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _address_space() -> int:
    """What this process has, in bytes; see proc_pid_statm(5)."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _die_with_parent() -> None:
    """Have the kernel end this process and its group as soon as its parent is gone, even in the middle of a frame.

    The parent holds one end of a pipe, and the kernel is asked to send SIGKILL when the other end has news, which can
    only be its closing. A thread that waited for it would wait for ever if a filter's C code kept Python's lock, and
    PR_SET_PDEATHSIG would speak of the fork server, which is not the parent that matters.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(parent.sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, os.O_ASYNC)
    if wait([parent.sentinel], timeout=0):  # it was gone before
        os._exit(1)
