"""A result on its way from the coordinator: into a file, hashed, over as many connections as it takes."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from vidproc.client import films
from vidproc.client.lasting import next_message
from vidproc.client.news import Downloading, Listener
from vidproc.errors import ConnectionLostError, VidprocError
from vidproc.protocol.messages import DownloadBlock, Fetch, Finished
from vidproc.transport.session import Session

Opening = Callable[[int], BinaryIO]
"""Gives the file to write a result of so many bytes to."""


class Download:
    """Goes on, with each connection, at the byte that was written last; of a job that had to be run again too, since
    the same job gives the same bytes."""

    def __init__(self, opening: Opening, tell: Listener) -> None:
        self._opening = opening
        self._tell = tell
        self._hash = hashlib.sha256()
        self.received = 0

    async def run(self, session: Session, finished: Finished) -> None:
        """Raises `ConnectionLostError` where it is to be gone on with over another connection."""
        file = self._opening(finished.size)
        await session.send(Fetch(finished.job_id, self.received))
        while self.received < finished.size:
            message, payload = await next_message(session)
            if isinstance(message, DownloadBlock):
                self._keep(message, payload, file)
                self._tell(Downloading(self.received, finished.size))
        if self._hash.hexdigest() != finished.sha256:
            raise VidprocError("the result that arrived does not match its SHA-256; run the job again")

    def _keep(self, block: DownloadBlock, payload: bytes | memoryview, file: BinaryIO) -> None:
        if block.offset != self.received or zlib.crc32(payload) != block.crc32:
            raise ConnectionLostError("a block of the result was damaged on its way")
        file.write(payload)
        self._hash.update(payload)
        self.received += len(payload)


@contextlib.contextmanager
def into(out: str, overwrite: bool) -> Iterator[Opening]:
    """A file that is made when the size of the result is known, once, and becomes `out` when the block ends well."""
    with contextlib.ExitStack() as stack:
        opened: list[BinaryIO] = []

        def opening(size: int) -> BinaryIO:
            if not opened:
                films.demand_room(out, size)
                opened.append(stack.enter_context(films.written(out, overwrite)))
            return opened[0]

        yield opening
