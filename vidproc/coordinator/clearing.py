"""Jobs that have had their time are forgotten, and the oldest of too many; results that take too much room go."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection

import structlog

from vidproc.errors import StorageError
from vidproc.storage.journal import Journal

_EVERY_S = 600.0

log = structlog.get_logger()


class Clearing:
    """`run` looks after it until it is cancelled. Jobs are kept for `keep` seconds, `keep_jobs` of them, and of their
    results `limit` bytes (0: any number); those that `spared` names in any case. `remove` is told what to remove."""

    def __init__(
        self,
        journal: Journal,
        keep: float,
        keep_jobs: int,
        limit: int,
        spared: Callable[[], Collection[str]],
        remove: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._keep = keep
        self._keep_jobs = keep_jobs
        self._limit = limit
        self._spared = spared
        self._remove = remove
        self._asked = asyncio.Event()

    def soon(self) -> None:
        """Something has ended, or was fetched."""
        self._asked.set()

    async def make_room(self, size: int) -> None:
        """Remove so many bytes of results that somebody has, or as many as there are. Raises `StorageError`."""
        for job_id in await self._journal.make_room(size):
            self._remove(job_id)

    async def room_to_make(self) -> int:
        """Bytes that `make_room` could free. Raises `StorageError`."""
        return await self._journal.room_to_make()

    async def run(self) -> None:
        while True:
            self._asked.clear()
            try:
                await self._sweep()
            except StorageError as error:
                log.warning("results cannot be cleared away", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):  # wait_for may swallow the end of the task (before Python 3.12)
                    await self._asked.wait()

    async def _sweep(self) -> None:
        gone = [*await self._journal.outdated(time.time() - self._keep, self._keep_jobs, self._spared())]
        if self._limit:
            gone += await self._journal.surplus(self._limit, self._spared())
        for job_id in gone:
            log.info("result removed", job=job_id)
            self._remove(job_id)
