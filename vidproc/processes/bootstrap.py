"""What every child does before its own work: take no Ctrl-C, keep to its limits, end with its parent.

It leads a process group of its own, so that what it starts, as a user's filter may, ends with it.
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

from vidproc.processes.channel import Channel
from vidproc.processes.gauge import Gauge

Entry = Callable[[Channel, Gauge], None]
"""What a child runs. It is named, as "package.module:function", so that the parent need not import it; it returns when
the channel ends."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """`memory` is the most address space in bytes, 0 for no limit."""

    memory: int = 0


def run(entry: str, sock: socket.socket, gauge: Gauge, limits: ChildLimits) -> None:
    """The child's life. A terminal's Ctrl-C reaches it too, but is the parent's to act on."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    if limits.memory:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # standard output may be the film; what a filter prints goes to the messages
        os.dup2(2, 1)
    module, _, function = entry.partition(":")
    main: Entry = getattr(importlib.import_module(module), function)
    with contextlib.suppress(ConnectionError):  # the parent wants no more answers
        main(Channel(sock), gauge)


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
