"""What every child does before its own work: take no Ctrl-C or SIGTERM, hold nothing, keep to its limits, end with its
parent.

It leads a process group of its own, so that what it starts, as a user's filter may, ends with it. Of descriptors it has
standard input, which is empty, standard output and error, its channel, its gauge, and the pipe that tells of its
parent's end.
A limit that is too small to work with is refused in words, before it holds: under it a child could not even say so.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import math
import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
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


_LAST_WORDS_S = 5
"""Where both limits of processor time are one, the kernel sends SIGKILL, which tells nobody why."""

_DESCRIPTORS = 256
"""What a child may have open. Its own work needs a dozen."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """The most of each; 0 is no limit. `memory`: address space in bytes. `file`: bytes of each file that it writes.
    `cpu_s`: seconds of processor time; who takes more is killed by SIGXCPU. `nice`: how much lower its priority is than
    its parent's."""

    memory: int = 0
    file: int = 0
    cpu_s: float = 0.0
    nice: int = 0


def run(entry: str, sock: socket.socket, gauge: Gauge, limits: ChildLimits) -> None:
    """The child's life. Signals that ask to stop are the parent's to act on; they reach children too, as a terminal's
    Ctrl-C does, and the SIGTERM that a service manager sends to all processes of a service."""
    os.setpgid(0, 0)
    os.nice(limits.nice)
    for number in STOPPING:
        signal.signal(number, _leave_to_parent)
        signal.siginterrupt(number, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    _die_with_parent()
    _hold_only(sock.fileno(), gauge.fd, _sentinel())
    _keep_to(resource.RLIMIT_CORE, 0)
    _keep_to(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    if limits.file:
        _keep_to(resource.RLIMIT_FSIZE, limits.file)
    if limits.cpu_s:
        _keep_to(resource.RLIMIT_CPU, math.ceil(limits.cpu_s), _LAST_WORDS_S)
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


def _keep_to(kind: int, most: int, beyond: int = 0) -> None:
    """No more than that, nor than whoever started us has allowed. The hard limit may be somewhat `beyond`."""
    hard = resource.getrlimit(kind)[1]
    soft, hard = (it if hard == resource.RLIM_INFINITY else min(it, hard) for it in (most, most + beyond))
    resource.setrlimit(kind, (soft, hard))


def allow_processor_time(more: float = 0.0) -> None:
    """This process may take so many seconds from now on, or as many as it was allowed to begin with."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    whole = hard if hard == resource.RLIM_INFINITY else hard - _LAST_WORDS_S
    soft = math.ceil(time.process_time() + more) if more else whole
    resource.setrlimit(resource.RLIMIT_CPU, (soft if whole == resource.RLIM_INFINITY else min(soft, whole), hard))


def _hold_only(*kept: int) -> None:
    """Close every other descriptor but those of the standard streams, the first of which leads nowhere now.

    What goes are ends of `multiprocessing`'s own pipes; it is told, since their numbers will be used again.
    """
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    shared = {_file_of(fd) for fd in kept}  # `mmap` has a copy of its own
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        with contextlib.suppress(OSError):  # the one that listed the folder
            if fd > 2 and _file_of(fd) not in shared:
                os.close(fd)
    forkserver._forkserver._forkserver_alive_fd = None  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._fd = None  # type: ignore[attr-defined]


def _file_of(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


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
    sentinel = _sentinel()
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(sentinel, fcntl.F_SETFL, os.O_ASYNC)
    if wait([sentinel], timeout=0):  # it was gone before
        os._exit(1)


def _sentinel() -> int:
    """The end of a pipe whose other end the parent holds."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    return parent.sentinel
