"""What is to be seen of films and jobs: frames of a source, of a preview, of a job that goes on or has ended."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from vidproc import filters
from vidproc.config import CoordinatorSettings
from vidproc.coordinator import validation
from vidproc.coordinator.desk import Desk
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.coordinator.media import MediaLimits
from vidproc.coordinator.picture_orders import Facts, Picture, Side, ToAnimate, ToCut, ToShow
from vidproc.coordinator.pictures import Film, Pictures
from vidproc.errors import ClientError, NotHereError, NotYetError
from vidproc.media.encode import decoded_as
from vidproc.model import Chunk, JobSpec, JobState
from vidproc.storage.journal import Journal
from vidproc.storage.spool import Spool

_LOSSLESS = "mkv", "ffv1"
"""What a preview is for where it is not said: any film can be shown so, HDR too."""

_IN_ANIMATION = 12
_RATE = 3
"""Frames a second of an animation."""


@dataclass(frozen=True, slots=True)
class OnShow:
    """A job, and what of its result is done: one of the newest frames, or all of it."""

    job_id: str
    newest_frame: int | None
    ended: bool


class Gallery:
    """Frames are numbered as a job numbers them, from 0. All raise `NotHereError`, `BusyError`, `MediaError`."""

    def __init__(
        self, settings: CoordinatorSettings, journal: Journal, dispatch: Dispatch, desk: Desk, spool: Spool
    ) -> None:
        self._journal = journal
        self._dispatch = dispatch
        self._desk = desk
        self._spool = spool
        self._pictures = Pictures(MediaLimits.of(settings), spool.scratch)

    async def close(self) -> None:
        await self._pictures.close()

    async def facts(self, film: Path) -> Facts:
        """What a film is that is held."""
        return await self._pictures.facts(Film(film))

    async def source(self, film: Path, rank: int, width: int) -> Picture:
        """A frame of a film that is held."""
        return await self._pictures.show(Film(film), ToShow(rank, width))

    async def preview(self, film: Path, rank: int, width: int, job: JobSpec, files: Mapping[str, Path]) -> Picture:
        """The same as the job would make it; `files` are those that its filters name, by SHA-256. Raises `ClientError`
        for what is no job."""
        if any(spec.name == filters.CUSTOM for spec in job.filters):
            raise ClientError("a filter of your own runs on daemons alone: there is no preview of it")
        if not job.codec:
            container, codec = _LOSSLESS
            job = replace(job, container=container, codec=codec)
        validation.check(job)
        where = {sha256: str(path) for sha256, path in files.items()}
        return await self._pictures.show(Film(film), ToShow(rank, width, job, where))

    async def on_show(self, job_id: str = "") -> OnShow:
        """That job or, without an id, the newest that has anything to show. Raises `UnknownJobError`."""
        if job_id:
            return _on_show(await self._desk.recall(job_id))
        for job in reversed(self._dispatch.jobs.values()):
            if job.state is JobState.DONE or (not job.state.final and job.newest_frame is not None):
                return _on_show(job)
        for done in await self._journal.history().page(1, "", JobState.DONE):
            return _on_show(await self._desk.recall(done.summary.id))
        raise NotHereError("no job has anything to show")

    async def frame(self, job_id: str, rank: int, side: Side, width: int) -> Picture:
        """Raises `UnknownJobError`, and `NotYetError` for what is not done yet."""
        job = await self._desk.recall(job_id)
        try:
            if not job.state.final:
                return await self._pictures.cut(job.id, _cut(job, rank, side, width))
        except NotHereError:
            if not job.state.final:  # else it ended at this moment, and its chunks went
                raise
        return await self._pictures.show(self._ended(job, side), ToShow(rank, width))

    async def landmarks(self, job_id: str) -> Sequence[int]:
        """Frames of its result from all over what there is of it, which are shown at once. Raises `UnknownJobError`."""
        return await self._landmarks(await self._desk.recall(job_id))

    async def animation(self, job_id: str, width: int) -> Picture:
        """A GIF of such frames. Raises `UnknownJobError`, and `NotYetError` where there are none."""
        job = await self._desk.recall(job_id)
        ranks = _spread(await self._landmarks(job), _IN_ANIMATION)
        if not ranks:
            raise NotYetError("no frame is done yet")
        if job.state.final:
            frames = tuple(ToShow(rank, width) for rank in ranks)
            return await self._pictures.show(self._ended(job, "result"), ToAnimate(_RATE, frames))
        cuts = tuple(_cut(job, rank, "result", width) for rank in ranks)
        return await self._pictures.cut(job.id, ToAnimate(_RATE, cuts=cuts))

    async def _landmarks(self, job: Job) -> Sequence[int]:
        if job.state.final:
            return (await self._pictures.facts(self._ended(job, "result"))).landmarks
        return [job.chunks[index].start for index in sorted(job.results) if index < len(job.chunks)]

    def _ended(self, job: Job, side: Side) -> Film:
        if side == "source":
            return Film(self._spool.held(job.sha256), job.spec.start, job.spec.duration)
        if job.state is not JobState.DONE:
            raise NotHereError(f"job {job.id} ended as {job.state}: it has no result")
        return Film(job.folder.result)


def _on_show(job: Job) -> OnShow:
    return OnShow(job.id, job.newest_frame, job.state.final)


def _spread(all: Sequence[int], most: int) -> Sequence[int]:
    """At most so many of them, from the first to the last at even steps."""
    if len(all) <= most:
        return all
    return [all[number * (len(all) - 1) // (most - 1)] for number in range(most)]


def _cut(job: Job, rank: int, side: Side, width: int) -> ToCut:
    chunk = _chunk(job, rank)
    if side == "source":
        stream, path = job.streams[chunk.segment], job.packets[chunk.index]
        matrix = job.opened.display_matrix if job.opened else ()
        return ToCut(str(path), chunk.packets_start, chunk.packets_stop, stream, rank, width, matrix)
    done = job.results.get(chunk.index)
    if done is None or job.opened is None:
        raise NotYetError(f"frame {rank} is not done yet")
    stream = decoded_as(job.opened.encoder, done.report)
    return ToCut(str(job.folder.chunk(chunk.index)), 0, None, stream, rank, width, job.opened.display_matrix)


def _chunk(job: Job, rank: int) -> Chunk:
    number = bisect.bisect_right(job.chunks, rank, key=lambda chunk: chunk.stop)
    if number < len(job.chunks) and rank >= 0:
        return job.chunks[number]
    if job.all_planned or rank < 0:
        raise NotHereError(f"the film has {job.frames_total} frames, numbered from 0: there is no frame {rank}")
    raise NotYetError(f"the film has not been read as far as frame {rank}")
