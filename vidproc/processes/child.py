"""The parent's side of one supervised process.

Neither of the standard pools survives a killed child: `multiprocessing.Pool` loses its task for good and
`ProcessPoolExecutor` fails every task in flight (cpython#96062). Here each child has a socket of its own, holds at
most one task, and is replaced alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import structlog

from vidproc.errors import OutOfMemoryError, VidprocError, WorkerError, from_code
from vidproc.processes import bootstrap, fork_server
from vidproc.processes.bootstrap import ChildLimits
from vidproc.processes.channel import PIPE_LIMITS
from vidproc.processes.fork_server import preload
from vidproc.processes.gauge import Gauge
from vidproc.processes.oom import oom_kills
from vidproc.protocol.framing import FrameReader, pack

__all__ = ["Child", "ChildDiedError", "ChildLimits", "ChildSpentError", "preload", "to_its_end"]

_BLOCK = 2**20
_TO_EXIT_S = 1.0
"""A process that has let go of its socket may still be about to exit, with a code that tells why."""

T = TypeVar("T")

log = structlog.get_logger()


class ChildDiedError(WorkerError):
    """The process is gone, or could not be had in the first place."""

    code = "slot-died"


class ChildOutOfMemoryError(OutOfMemoryError, ChildDiedError):
    """The kernel killed it, for want of memory."""


class ChildSpentError(ChildDiedError):
    """The process took all the processor time that it was allowed; another would take as much."""

    code = "processor-time"
    retryable = False


class Child:
    """One process and its socket. `start`, then `send` and `receive`; `kill` at any time; `close` at the end.

    `gauge` can be read from `start` until `close`, whether or not the process still lives.
    """

    def __init__(self, name: str, entry: str, limits: ChildLimits) -> None:
        self.name = name
        self._entry = entry
        self._limits = limits
        self._frames = FrameReader(PIPE_LIMITS)
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        return self._popen.pid

    async def start(self) -> None:
        """Raises `ChildDiedError` if the system has no process to give, and leaves nothing behind then."""
        try:
            await self._start()
        except EOFError as error:
            raise ChildDiedError(f"{self.name} could not be started: the fork server ended") from error
        except OSError as error:  # no descriptors or memory left
            raise ChildDiedError(f"{self.name} could not be started: {error}") from error

    async def _start(self) -> None:
        with contextlib.ExitStack() as undo:
            gauge = undo.enter_context(contextlib.closing(Gauge()))
            ours, theirs = socket.socketpair()
            undo.enter_context(ours)
            with theirs:
                args = (self._entry, theirs, gauge, self._limits)
                launch = partial(fork_server.launch, bootstrap.run, args, self.name)
                # A start that loses its socket halfway makes the fork server fail, and all other children seem dead.
                popen = await to_its_end(asyncio.get_running_loop().run_in_executor(None, launch))
            undo.callback(popen.close)  # which ends the process
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=_BLOCK)
            undo.pop_all()
        self.gauge, self._popen, self._oom_kills = gauge, popen, oom_kills()
        asyncio.get_running_loop().add_reader(popen.sentinel, self._note_end)

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

    def raised(self, said: Mapping[str, Any]) -> VidprocError:
        """The error that the child tells of. Its traceback is logged: a bug's always, any other's for who wants it."""
        tell = log.error if said["bug"] else log.debug
        tell("bug" if said["bug"] else "failed", process=self.name, exception=said["trace"])
        return from_code(said["code"], said["message"])

    def kill(self) -> None:
        """SIGKILL; `receive` then raises."""
        if not self._ended.is_set():
            self._popen.kill()

    async def close(self) -> None:
        """Kill the process if it still runs, reap it, free what it held; a cancellation waits until that is done."""
        await to_its_end(asyncio.create_task(self._close()))

    async def _close(self) -> None:
        self.kill()
        await self._ended.wait()
        self._writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        self._popen.close()
        self.gauge.close()

    def _note_end(self) -> None:
        """The sentinel is readable once the process is gone, and holds its exit code."""
        asyncio.get_running_loop().remove_reader(self._popen.sentinel)
        self._popen.wait()
        _kill_orphans(self.pid)
        self._ended.set()

    async def _died(self) -> ChildDiedError:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _TO_EXIT_S)
        self.kill()
        await self._ended.wait()
        cause = f"{self.name} {cause_of_death(self._popen.returncode)}"
        if self._popen.returncode == -signal.SIGXCPU:
            return ChildSpentError(f"{self.name} has taken more processor time than it may (cpu_limit, probe_limit)")
        if self._popen.returncode == -signal.SIGKILL and oom_kills() > self._oom_kills:
            return ChildOutOfMemoryError(f"{cause}, as memory ran out")
        return ChildDiedError(cause)


async def to_its_end(doing: asyncio.Future[T]) -> T:
    """What it gives. If cancelled meanwhile, wait for it nevertheless; how it ended then, nobody is told."""
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        while not doing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({doing})
        if not doing.cancelled():
            doing.exception()  # or the event loop would complain that nobody looked
        raise


def _kill_orphans(pid: int) -> None:
    """What a process that is gone has left in its group.

    At once, as the number may soon be another's. If it is there still, only the fork server is gone, and with it all
    news of the process, which works on until it is closed.
    """
    with contextlib.suppress(ProcessLookupError):
        if not os.path.exists(f"/proc/{pid}"):
            os.killpg(pid, signal.SIGKILL)


_SIGNALS = {number.value: number.name for number in signal.Signals}


def cause_of_death(exit_code: int | None) -> str:
    """How a process ended, as the end of a sentence; of a signal, its name."""
    if exit_code is not None and exit_code < 0:
        return f"was killed by {_SIGNALS.get(-exit_code, f'signal {-exit_code}')}"
    return f"ended with exit code {exit_code}"
