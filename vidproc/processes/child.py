"""The parent's side of one supervised process.

Neither of the standard pools survives a killed child: `multiprocessing.Pool` loses its task for good and
`ProcessPoolExecutor` fails every task in flight (cpython#96062). Here each child has a socket of its own, holds at
most one task, and is replaced alone. Children come from `multiprocessing`'s fork server with the heavy modules
imported already, which makes a new one a matter of milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import multiprocessing
import os
import resource
import signal
import socket
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vidproc.errors import WorkerError
from vidproc.processes.channel import PIPE_LIMITS, Channel, die_with_parent
from vidproc.processes.gauge import Gauge
from vidproc.protocol.framing import FrameReader, pack

Entry = Callable[[Channel, Gauge], None]
"""What a child runs. It is named, as "package.module:function", so that the parent need not import it; it returns when
the channel ends."""

_context = multiprocessing.get_context("forkserver")
_SINGLE_THREADED = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_BLOCK = 2**20


class ChildDiedError(WorkerError):
    """The process is gone. `process_exit_code` is negative for a signal, as in `subprocess`."""

    code = "slot-died"

    def __init__(self, name: str, exit_code: int | None) -> None:
        super().__init__(f"{name} {_cause_of_death(exit_code)}")
        self.process_exit_code = exit_code


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed by {signal.Signals(-exit_code).name}"
    return "could not be started" if exit_code is None else f"ended with exit code {exit_code}"


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """`memory` is the most address space in bytes, 0 for no limit."""

    memory: int = 0


def preload(*modules: str) -> None:
    """Have the fork server import these before its first child. Call once, before any child is started."""
    _context.set_forkserver_preload(list(modules))


class Child:
    """One process and its socket. `start`, then `send` and `receive`; `kill` at any time; `close` at the end."""

    def __init__(self, name: str, entry: str, limits: ChildLimits) -> None:
        self.name = name
        self.gauge = Gauge()
        self._entry = entry
        self._limits = limits
        self._frames = FrameReader(PIPE_LIMITS)

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        args = (self._entry, theirs, self.gauge, self._limits)
        self._process = _context.Process(target=_run, args=args, name=self.name, daemon=True)
        try:
            await asyncio.to_thread(_start, self._process)
        except BaseException as error:
            ours.close()
            if isinstance(error, EOFError | OSError):  # the fork server itself is gone
                raise ChildDiedError(self.name, None) from error
            raise
        finally:
            theirs.close()
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=_BLOCK)

    async def send(self, header: Mapping[str, Any], payload: bytes | bytearray | memoryview = b"") -> None:
        """Hand over a task. Raises `ChildDiedError`."""
        try:
            for piece in pack(header, payload):
                self._writer.write(piece)
            await self._writer.drain()
        except ConnectionError:
            raise await self._died() from None

    async def receive(self) -> tuple[dict[str, Any], bytes]:
        """The child's next answer. Raises `ChildDiedError` when there will be none."""
        while True:
            for answer in self._frames:
                return answer
            try:
                data = await self._reader.read(_BLOCK)
            except ConnectionError:
                data = b""
            if not data:
                raise await self._died()
            self._frames.feed(data)

    def kill(self) -> None:
        """SIGKILL; `receive` then raises."""
        if self._process.is_alive():
            self._process.kill()

    async def close(self) -> None:
        """Kill the process if it still runs, reap it, free what it held."""
        self.kill()
        await self._reap()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        self._process.close()
        self.gauge.close()

    async def _died(self) -> ChildDiedError:
        self.kill()
        await self._reap()
        return ChildDiedError(self.name, self._process.exitcode)

    async def _reap(self) -> None:
        """Wait for the end without blocking the loop: the sentinel is readable when the process is gone."""
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()


def _start(process: multiprocessing.process.BaseProcess) -> None:
    with _without_main(), _single_threaded_numerics():
        process.start()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide `__main__` from `multiprocessing`, which would import it again in each child.

    A user's script that calls `vidproc.process` at its top level would run once more for each slot.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _single_threaded_numerics() -> Iterator[None]:
    """The fork server reads these as it imports NumPy: threads of a BLAS would not survive its forks."""
    before = {name: os.environ.get(name) for name in _SINGLE_THREADED}
    os.environ.update(_SINGLE_THREADED)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _run(entry: str, sock: socket.socket, gauge: Gauge, limits: ChildLimits) -> None:
    """The child: it takes no terminal's Ctrl-C, which is the parent's to act on, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if limits.memory:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    die_with_parent(sock)
    module, _, function = entry.partition(":")
    main: Entry = getattr(importlib.import_module(module), function)
    main(Channel(sock), gauge)
