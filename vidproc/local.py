"""Everything in one process: a coordinator, a daemon and a client over a private socket, for one job.

It is the same way that a frame goes on a cluster, so the result is the same, byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import structlog
from msgspec import structs

from vidproc import scratch
from vidproc.client.endpoint import Endpoint
from vidproc.client.news import Listener, News
from vidproc.client.remote import process
from vidproc.config import CoordinatorSettings, WorkerSettings
from vidproc.coordinator.server import PRELOADED as FOR_MEDIA
from vidproc.coordinator.server import Coordinator
from vidproc.model import JobSpec
from vidproc.processes.child import preload
from vidproc.protocol.messages import Progress
from vidproc.transport.address import Address
from vidproc.worker.daemon import PRELOADED as FOR_SLOTS
from vidproc.worker.daemon import Daemon

_quiet = 0
"""Jobs under way that keep the logs quiet."""
_quiet_lock = threading.Lock()


@contextlib.asynccontextmanager
async def cluster(worker: WorkerSettings) -> AsyncIterator[Endpoint]:
    """A coordinator and a daemon in this process, in a folder and behind a token that vanish with them."""
    preload(*FOR_MEDIA, *FOR_SLOTS)
    with _quiet_logs(), scratch.folder() as folder:
        token = secrets.token_bytes(32)
        address = Address.unix(folder / "socket")
        # Limits that are there against strangers are left out: here nobody sends films but the user, who waits for it.
        given = CoordinatorSettings(
            data_dir=folder / "data",
            token=token,
            memory_limit=worker.memory_limit,
            nice=0,
            max_frame_pixels=1 << 30,
            max_duration=math.inf,
        )
        coordinator = Coordinator(given)
        daemon = Daemon(replace(worker, unix_socket=folder / "socket", token=token, nice=0))
        await coordinator.start([address])
        try:
            async with _beside(daemon.run()):
                yield Endpoint(address, token)
        finally:
            await coordinator.stop()


@contextlib.asynccontextmanager
async def _beside(course: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do it while the block runs. What it raises ends the block, which would wait for it for ever."""
    try:
        async with asyncio.TaskGroup() as group:
            doing = group.create_task(course)
            yield
            doing.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def run(
    worker: WorkerSettings, job: JobSpec, video: str, out: str, overwrite: bool, tell: Listener
) -> dict[str, Any]:
    """One job on this host's cores alone. Raises what `client.remote.process` does."""

    def tell_here(news: News) -> None:
        """No daemon is missing when nothing moves: the slots are being started."""
        tell(structs.replace(news, waiting="") if isinstance(news, Progress) else news)

    async with cluster(worker) as endpoint:
        return await process(endpoint, job, video, out, overwrite, tell_here)


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """A caller who has set up structlog wants the logs; to any other they would be noise between his own output.

    structlog's setting is one for the whole process: the first of several jobs at once makes it, the last undoes it.
    """
    global _quiet
    with _quiet_lock:
        ours = _quiet > 0 or not structlog.is_configured()
        _quiet += ours
        if _quiet == 1:
            structlog.configure(
                wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
                logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            )
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet -= ours
            if ours and _quiet == 0:
                structlog.reset_defaults()
