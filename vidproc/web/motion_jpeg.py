"""JPEGs one after the other in one answer, each in place of the one before, as `img` elements show them.

Nobody has a queue: who is ready for a picture is given the newest one. So a slow viewer sees fewer, and one that takes
none is cut off by the connection's guard.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from vidproc.coordinator.gallery import Gallery, OnShow
from vidproc.errors import UnknownJobError, VidprocError
from vidproc.web.feeds import pause

_BOUNDARY = "vidproc-frame"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"

_SHOWN_A_SECOND = 2
"""Pictures to all together, as long as each has one in two seconds."""


class Viewers:
    """All who watch."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._watching = 0

    async def watch(self, job: OnShow, width: int) -> AsyncIterator[bytes]:
        """Raises what `Gallery.landmarks` does. Ends with the job."""
        ranks = self._one_by_one(await self._gallery.landmarks(job.job_id)) if job.ended else self._newest(job.job_id)
        return self._parts(job.job_id, ranks, width)

    async def _parts(self, job_id: str, ranks: AsyncIterator[int], width: int) -> AsyncIterator[bytes]:
        self._watching += 1
        try:
            yield f"--{_BOUNDARY}".encode()
            async for rank in ranks:
                try:
                    shown = await self._gallery.frame(job_id, rank, "result", width)
                except VidprocError:  # its chunk was just cleared away, or too much is asked for
                    continue
                yield _part(shown.data)
            yield b"--\r\n"
        finally:
            self._watching -= 1

    async def _newest(self, job_id: str) -> AsyncIterator[int]:
        """As it changes."""
        last = None
        with contextlib.suppress(UnknownJobError):  # it has ended, and is forgotten already
            while not (job := await self._gallery.on_show(job_id)).ended:
                if job.newest_frame is not None and job.newest_frame != last:
                    last = job.newest_frame
                    yield last
                await self._pause()

    async def _one_by_one(self, ranks: Sequence[int]) -> AsyncIterator[int]:
        for rank in ranks:
            yield rank
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(pause(self._watching, _SHOWN_A_SECOND))


def _part(jpeg: bytes) -> bytes:
    """With the next part's boundary behind it, by which browsers know that the picture is whole."""
    head = f"\r\ncontent-type: image/jpeg\r\ncontent-length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + f"\r\n--{_BOUNDARY}".encode()
