"""The coordinator's side of a media process: one supervised child for each job.

All that touches media (probing, indexing, muxing) happens in the child, so that a hostile film takes down its own job
at most, and the event loop never waits for FFmpeg. The child keeps its muxer open from chunk to chunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from vidproc.config import CoordinatorSettings
from vidproc.coordinator.source import Source
from vidproc.errors import ClientError, MediaError, StalledError, VidprocError, way_out
from vidproc.filters.contract import Shape
from vidproc.media.output_format import encoder_spec, shape_of
from vidproc.media.source_limits import NO_LIMITS, SourceLimits
from vidproc.model import Chunk, ChunkReport, EncoderSpec, JobSpec, StreamFormat
from vidproc.pipelines import plan
from vidproc.processes.child import Child, ChildDiedError, ChildLimits
from vidproc.protocol.structure import from_plain, to_plain
from vidproc.reach import Reach
from vidproc.tasks import ended, watched

_ENTRY = "vidproc.coordinator.media_child:serve"
_STALLED_S = 60.0
"""A media process that reads no packet and says nothing for so long hangs."""
_LOOK_EVERY_S = 1.0
_SLOWEST_DISK = 20e6
"""Bytes a second. At its end a film is moved within its file and read again, all without a word."""


class ToIngest(Struct, frozen=True):
    """What a media process is to read, and where the packets go. Of the source's `size` bytes only `held` are there
    yet, and the child is told of more. `reach` says which frames the job's filters need, `times` whether they want to
    know when frames are shown, `hands_on_frames` whether a stage of theirs makes frames for others: the child is told
    that too, so that it need not import them, and OpenCV with them. `limits` say what is refused."""

    source: str
    size: int
    held: int
    packets: str
    job: JobSpec
    reach: Reach
    times: bool
    hands_on_frames: bool
    limits: SourceLimits = NO_LIMITS


class Probed(Struct, frozen=True):
    """What the source turned out to be."""

    stream: StreamFormat
    frames_from_header: int
    display_matrix: tuple[int, ...] = ()


class Opened(Struct, frozen=True):
    """The same, and what will be made of it."""

    stream: StreamFormat
    encoder: EncoderSpec
    frames_from_header: int
    losses: tuple[str, ...]
    display_matrix: tuple[int, ...] = ()


class ToOpen(Struct, frozen=True):
    """Where the film is to be written, and how its picture is encoded. The child is told, as it is of the reach."""

    result: str
    encoder: EncoderSpec


class Planned(Struct, frozen=True):
    """More chunks, and the formats of the continuity segments that they lie in, by the segments' numbers."""

    chunks: tuple[Chunk, ...]
    streams: tuple[tuple[int, StreamFormat], ...]


class Ingested(Struct, frozen=True):
    """The source was read to its end. `times` are as in `ChunkTask`, of all frames."""

    frames: int
    frame_rate: float
    losses: tuple[str, ...]
    times: bytes = b""


News = Opened | Planned | Ingested


class Muxed(Struct, frozen=True):
    """The film is whole. `cpu_s` is the processor time of the media process for all of the job, `memory_mb` the most
    memory that it held."""

    size: int
    sha256: str
    losses: tuple[str, ...]
    cpu_s: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Of a media process, and of the film that it reads. `frame_pixels`: of the largest frame taken, and of the largest
    that a filter may make of it."""

    child: ChildLimits
    frame_pixels: int
    source: SourceLimits = NO_LIMITS

    @classmethod
    def of(cls, given: CoordinatorSettings) -> MediaLimits:
        child = ChildLimits(given.memory_limit, given.file_limit, given.cpu_limit, given.nice)
        source = SourceLimits(given.max_streams, given.max_duration, given.max_packet, given.probe_limit)
        return cls(child, given.max_frame_pixels, source)


def check_frame_size(shape: Shape, most: int, blame: type[VidprocError]) -> None:
    """Raises `blame` for frames of more than `most` pixels."""
    if shape.width * shape.height > most:
        larger = f"frames of {shape.width}x{shape.height} are larger than this coordinator takes ({most} pixels)"
        raise blame(f"{larger}; {way_out('max_frame_pixels')}")


class MediaProcess:
    """`start`, `ingest`, `append` each chunk in order, `finish`; `close` at any time.

    Each raises what the child reports, `ChildDiedError`, or `StalledError`.
    """

    def __init__(self, name: str, limits: MediaLimits) -> None:
        self._child = Child(name, _ENTRY, limits.child)
        self._limits = limits

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> None:
        await self._child.start()

    async def close(self) -> None:
        await self._child.close()

    async def ingest(self, source: Source, packets: Path, job: JobSpec) -> AsyncGenerator[News, None]:
        """Index the source into the packet file, as it arrives; `Opened` once, `Planned` as chunks become final,
        `Ingested` last. Close it when done (`contextlib.aclosing`)."""
        order = _order(source, packets, job, self._limits.source)
        await self._child.send({"ingest": to_plain(order)})
        telling = asyncio.create_task(self._tell_growth(source, order.held))
        try:
            while "ingested" not in (answer := await self._answer(source=source)):
                if "wants" in answer:
                    source.want(answer["wants"])
                elif "probed" in answer:
                    yield self._opened(from_plain(Probed, answer["probed"]), job)
                else:
                    yield from_plain(Planned, answer["planned"])
        finally:
            await ended(telling)
        yield from_plain(Ingested, answer["ingested"])

    async def _tell_growth(self, source: Source, held: int) -> None:
        """The child reads what it is told only when it wants more; until then this waits, and then says the newest."""
        while held < source.size:
            held, ahead = await source.news(held)
            for offset, data in ahead:
                await self._child.send({"came": {"at": offset}}, data)
            await self._child.send({"came": {"held": held}})

    def _opened(self, probed: Probed, job: JobSpec) -> Opened:
        source, *made = plan.shapes(job.filters, shape_of(probed.stream))
        check_frame_size(source, self._limits.frame_pixels, MediaError)
        for shape in made:
            check_frame_size(shape, self._limits.frame_pixels, ClientError)
        encoder, losses = encoder_spec(probed.stream, job, made[-1] if made else source)
        return Opened(probed.stream, encoder, probed.frames_from_header, losses, probed.display_matrix)

    async def open_result(self, result: Path, encoder: EncoderSpec) -> None:
        """Begin the film. The source must be ingested."""
        self._result = result
        await self._child.send({"open": to_plain(ToOpen(str(result), encoder))})
        await self._answer()

    async def append(self, records: Path, report: ChunkReport) -> None:
        """Add the next chunk in order to the film."""
        await self._child.send({"append": {"records": str(records), "report": to_plain(report)}})
        await self._answer()

    async def finish(self) -> Muxed:
        """Write what is left of the other streams, close and hash the film."""
        await self._child.send({"finish": {}})
        answer = await self._answer(_STALLED_S + self._result.stat().st_size / _SLOWEST_DISK)
        return from_plain(Muxed, answer["muxed"])

    async def _answer(self, limit_s: float = _STALLED_S, source: Source | None = None) -> dict[str, Any]:
        """What the child says next. Its gauge moves with each packet that it reads; before it answers, all else is
        short, or has a limit that fits. As long as its source is on its way it may just be waiting for that."""
        asked_at = time.monotonic()

        def check_stalled() -> None:
            came_at = source.whole_at if source else 0.0
            moved_at = max(asked_at, came_at, self._child.gauge.read().moved_at)
            if time.monotonic() - moved_at > limit_s:
                raise StalledError(f"the media process has not moved for {limit_s:.0f} s")

        try:
            answer, _ = await watched(self._child.receive(), check_stalled, _LOOK_EVERY_S)
        except BaseException:  # whatever it may still say is not waited for
            self._child.kill()
            raise
        if "failed" in answer:
            raise self._child.raised(answer["failed"])
        return answer


class MediaProcesses:
    """Starts media processes, one ahead of need, so that a job finds one waiting."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._spare: list[asyncio.Task[MediaProcess]] = []

    def prepare(self) -> None:
        """See to it that one will be waiting."""
        if not self._spare:
            self._spare.append(asyncio.create_task(self._started(), context=Context()))  # not of the job that asks

    async def take(self) -> MediaProcess:
        """One that is started and belongs to the caller. Raises `ChildDiedError` if it cannot be started."""
        self.prepare()
        waiting = self._spare.pop()
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            self._spare.append(waiting)  # the next job's, then
            raise

    async def close(self) -> None:
        while self._spare:
            with contextlib.suppress(ChildDiedError):
                await (await self._spare.pop()).close()

    async def _started(self) -> MediaProcess:
        media = MediaProcess("a media process", self._limits)
        await media.start()
        return media


def _order(source: Source, packets: Path, job: JobSpec, limits: SourceLimits) -> ToIngest:
    part = plan.sequential_part(job.filters)
    hands_on_frames = part is not None and part.pinned
    reach, times = plan.check(job.filters), plan.want(job.filters, "time")
    held = source.begin()
    return ToIngest(str(source.path), source.size, held, str(packets), job, reach, times, hands_on_frames, limits)
