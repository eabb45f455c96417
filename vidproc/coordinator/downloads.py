"""The films that a client fetches, on its connection."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from functools import partial

from vidproc.coordinator.job import Job
from vidproc.coordinator.outbox import Outbox
from vidproc.errors import BusyError, ClientError, PeerError
from vidproc.model import JobState
from vidproc.protocol.framing import in_blocks
from vidproc.protocol.messages import DownloadBlock, Error
from vidproc.storage.reading import read_range
from vidproc.tasks import ended
from vidproc.transport.session import Session

_MOST = 4
"""At a time. Each has a task and a descriptor, and they share one line."""

Reading = Callable[[str], AbstractContextManager[None]]
"""Lasts for as long as the result of the job of that id is read."""


class Downloads:
    """`begin` them; at the connection's end the `tasks` are to be ended."""

    def __init__(self, session: Session, outbox: Outbox, reading: Reading) -> None:
        self._session = session
        self._outbox = outbox
        self._reading = reading
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        return self._tasks.values()

    async def begin(self, job: Job, offset: int) -> None:
        """Send the job's result from `offset` on, and no more of what was begun of it before. Raises `ClientError`."""
        if job.told_state is not JobState.DONE or job.finished is None:
            raise ClientError(f"job {job.id} has no result to fetch: it is {job.told_state}")
        if not job.folder.result.exists():
            raise ClientError(f"the result of job {job.id} is no longer here; run it again")
        if job.id in self._tasks:
            await ended(self._tasks[job.id])
        if len(self._tasks) >= _MOST:
            raise BusyError(f"one connection may fetch {_MOST} results at a time: wait for one to end")
        self._tasks[job.id] = task = asyncio.create_task(self._send(job, range(offset, job.finished.size)))
        task.add_done_callback(partial(self._sent, job.id))

    def _sent(self, job_id: str, _: asyncio.Task[None]) -> None:
        del self._tasks[job_id]

    async def _send(self, job: Job, rest: range) -> None:
        """`send` waits while the client reads slowly. A file that has become shorter is an `OSError`."""
        try:
            with self._reading(job.id), open(job.folder.result, "rb") as file:  # noqa: ASYNC230 - opening is quick, reading is not done here
                for at in in_blocks(rest):
                    block = await read_range(file.fileno(), at)
                    await self._session.send(DownloadBlock(job.id, at.start, zlib.crc32(block)), block)
        except OSError as error:
            sentence = f"the result cannot be read: {error.strerror}; run the job again"
            self._outbox.post(Error("storage", sentence, "internal", job.id))
        except PeerError:
            pass  # the receiving side of the connection tells of its end
