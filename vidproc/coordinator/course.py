"""The course of one job, from its source, which may still be on its way, to the film: index, run, mux.

The media process is started for the job and started anew when it dies: ingesting is a function of the source alone, so
a second one plans the same chunks at the same bytes, and the chunks delivered so far are appended again from disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import structlog

from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.coordinator.media import Ingested, MediaProcess, MediaProcesses, Opened, Planned
from vidproc.coordinator.staging import Staging
from vidproc.errors import CancelledError, FilterError, StalledError, StorageError, VidprocError
from vidproc.media.output_format import shape_of
from vidproc.model import Chunk, JobState
from vidproc.pipelines import plan
from vidproc.processes.child import ChildDiedError, ChildSpentError
from vidproc.scheduling import events as ev

_MEDIA_ATTEMPTS = 3
_IN_FLIGHT = 1024
"""Chunks of a job that are leased or wait on disk for their turn in the film."""

log = structlog.get_logger()


class Course:
    """`run` takes a job to its end, and leaves its error, or its film, in it. Nothing is made of a source's bytes that
    could be fetched before all of them are known to be those announced."""

    def __init__(self, dispatch: Dispatch, job: Job, processes: MediaProcesses) -> None:
        self._dispatch = dispatch
        self._job = job
        self._processes = processes
        self._appended = 0
        self._in_hand: int | None = None
        self._all_delivered = False
        self._planned = False
        self._waits_for_times = plan.want(job.spec.filters, "time")
        self._held: list[Chunk] = []

    async def run(self) -> None:
        if self._job.error is not None:
            raise self._job.error
        await self._job.source.begun()
        for attempt in range(1, _MEDIA_ATTEMPTS + 1):
            try:
                await self._attempt(attempt)
                return
            except (ChildDiedError, StalledError) as error:
                log.warning("media process lost", job=self._job.id, tries=attempt, error=str(error))
                if attempt == _MEDIA_ATTEMPTS or isinstance(error, ChildSpentError):
                    raise

    async def _attempt(self, attempt: int) -> None:
        media = await self._processes.take()
        try:
            await self._index(media, attempt)
            await self._job.source.until_whole()
            await self._mux(media)
        finally:
            await media.close()
            self._processes.prepare()

    async def _index(self, media: MediaProcess, attempt: int) -> None:
        job, begun = self._job, time.monotonic()
        packets = job.folder.path / f"packets-{attempt}"
        async with contextlib.aclosing(media.ingest(job.source, packets, job.spec)) as all_news:
            async for news in all_news:
                if isinstance(news, Opened):
                    self._opened(news)
                elif isinstance(news, Planned):
                    job.seconds.setdefault("index_alone", self._alone_since(begun))
                    self._chunks_known(news, packets)
                else:
                    self._ingested(news)
        job.seconds.setdefault("index", time.monotonic() - begun)

    def _alone_since(self, begun: float) -> float:
        """Seconds in which nothing was done but the indexing. Beside the upload it is never alone."""
        return max(0.0, time.monotonic() - max(begun, self._job.source.whole_at))

    def _opened(self, news: Opened) -> None:
        job = self._job
        if job.opened is None:
            job.open(news)
            custom = any(spec.code for spec in job.spec.filters)
            isolates = job.spec.on_error != "fail"
            self._dispatch.feed(ev.JobSubmitted(job.id, custom, _IN_FLIGHT, self._staged(news), isolates))

    def _staged(self, news: Opened) -> ev.Sequential | None:
        """What the scheduler is told of filters that go through the film in order."""
        job, filters = self._job, self._job.spec.filters
        part = plan.sequential_part(filters)
        if part is None:
            return None
        job.folder.create_stage()
        shape = plan.shapes(filters, shape_of(news.stream))[part.filters]
        job.staging = Staging(part, filters, shape, job.folder)
        return ev.Sequential(part.pinned, part.behind.last(0))

    def _chunks_known(self, news: Planned, packets: Path) -> None:
        job = self._job
        job.streams.update(news.streams)
        fresh = news.chunks[max(0, len(job.chunks) - news.chunks[0].index) :] if news.chunks else ()
        job.chunks += fresh
        job.packets += [packets] * len(fresh)
        self._feed_chunks(fresh, final=False)

    def _ingested(self, news: Ingested) -> None:
        """A second media process has nothing new to say."""
        job = self._job
        if not self._planned:
            self._planned = job.all_planned = True
            job.frames_total, job.frame_rate = news.frames, news.frame_rate
            job.losses += news.losses
            job.times = news.times
            self._feed_chunks((), final=True)

    def _feed_chunks(self, chunks: tuple[Chunk, ...], final: bool) -> None:
        """Where filters want to know when frames are shown, chunks wait for the source's end, which may move all."""
        self._held += chunks
        if final or (self._held and not self._waits_for_times):
            chunks, self._held = tuple(self._held), []
            kept = self._job.results.keys() & {chunk.index for chunk in chunks}
            self._dispatch.feed(ev.ChunksPlanned(self._job.id, chunks, final, frozenset(kept)))

    async def _mux(self, media: MediaProcess) -> None:
        job = self._job
        assert job.opened is not None  # a source without a frame raises
        await media.open_result(job.folder.result, job.opened.encoder)
        for index in range(self._appended):
            await self._append(media, index)
        while (chunk := await self._next_delivery()) is not None:
            await self._append(media, chunk)
            self._appended, self._in_hand = chunk + 1, None
            self._dispatch.feed(ev.ChunkDelivered(job.id, chunk))
            if job.staging is not None:
                job.staging.let_go(job.chunks[chunk])
        begun = time.monotonic()
        _demand_a_frame(job)
        job.enter(JobState.MUXING)
        job.muxed = await media.finish()
        job.losses += job.muxed.losses
        job.seconds["finish"] = time.monotonic() - begun

    async def _next_delivery(self) -> int | None:
        """The chunk that the last media process died on, or else the next in order; None at the end, each time."""
        if self._in_hand is None and not self._all_delivered:
            self._in_hand = await self._job.deliveries.get()
            self._all_delivered = self._in_hand is None
        return self._in_hand

    async def _append(self, media: MediaProcess, index: int) -> None:
        begun = time.monotonic()
        await media.append(self._job.folder.chunk(index), self._job.results[index].report)
        self._job.spend("mux", time.monotonic() - begun)


def _demand_a_frame(job: Job) -> None:
    """Raises `FilterError` where filters could do none of the film's frames: then nothing was done, and a film that
    looks like its source would hide that."""
    reports = [job.results[index].report for index in sorted(job.results)]
    if all(report.fell_back == report.frames for report in reports):
        first = reports[0].fallbacks[0]
        raise FilterError(f"no frame of the film could be done: frame {first.rank} failed: {first.reason}")


async def run_to_its_end(dispatch: Dispatch, job: Job, processes: MediaProcesses) -> None:
    """Run a job's course; whatever happens, the job is in a final state afterwards and holds no slot."""
    job.course = asyncio.current_task()
    try:
        await Course(dispatch, job, processes).run()
        job.enter(JobState.DONE)
    except VidprocError as error:
        _end(dispatch, job, error)
    except OSError as error:
        _end(dispatch, job, StorageError(f"the coordinator's disk: {error.strerror}"))
    except asyncio.CancelledError:
        _end(dispatch, job, CancelledError("the job was cancelled"))
        raise
    except Exception as error:
        _end(dispatch, job, bug(job, error))


def bug(job: Job, error: Exception) -> VidprocError:
    """What becomes of an error that nobody expected, while it is handled: the job fails, the coordinator lives."""
    log.exception("bug", job=job.id)
    return VidprocError(f"a bug in vidproc: {error!r}; see the coordinator's log")


def _end(dispatch: Dispatch, job: Job, error: VidprocError) -> None:
    dispatch.fail(job, error)
    job.enter(JobState.CANCELLED if isinstance(job.error, CancelledError) else JobState.FAILED)
