"""Jobs and daemons for tests of the coordinator: real jobs in a real folder, and links that only write down what they
are told."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from tests.loops import LIMIT_S as LIMIT_S
from tests.loops import run as run
from tests.loops import until as until
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.job import Job
from vidproc.coordinator.media import Opened
from vidproc.coordinator.worker_figures import WorkerFigures
from vidproc.model import Chunk, ChunkReport, EncoderSpec, FilterSpec, JobSpec, StreamFormat
from vidproc.protocol.messages import Message
from vidproc.scheduling import events as ev
from vidproc.storage.job_folder import JobFolder

FRAMES = 10
STREAM = StreamFormat("h264", b"", 64, 48, "yuv420p", frame_rate=Fraction(25))
ENCODER = EncoderSpec("h264", 64, 48, "yuv420p")


def report(frames: int = FRAMES) -> ChunkReport:
    return ChunkReport(frames, b"", 0, {}, {})


def job_in(folder: Path, name: str = "j", chunks: int = 2) -> Job:
    """A job that is ready to run, with chunks of ten frames and a hundred bytes of packets each."""
    job = Job(name, JobSpec((FilterSpec("blur"),)), "in.mp4", 1, "0" * 64, JobFolder(folder / name), time.monotonic())
    job.folder.create()
    packets = job.folder.path / "packets-1"
    packets.write_bytes(bytes(range(100)) * chunks)
    for n in range(chunks):
        job.chunks.append(Chunk(n, FRAMES * n, FRAMES * (n + 1), 0, 0, 0, 100 * n, 100 * n + 100))
        job.packets.append(packets)
    job.streams[0] = STREAM
    job.opened = Opened(STREAM, ENCODER, FRAMES * chunks, ())
    return job


@dataclass(eq=False)
class Link:
    """A daemon that does nothing by itself."""

    name: str
    slots: int = 1
    draining: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    figures: WorkerFigures = field(default_factory=WorkerFigures)
    leases: list[ev.Grant] = field(default_factory=list)
    heard: list[Message] = field(default_factory=list)

    def lease(self, grant: ev.Grant) -> None:
        self.leases.append(grant)

    def post(self, message: Message) -> None:
        self.heard.append(message)


def submit(dispatch: Dispatch, job: Job) -> None:
    dispatch.jobs[job.id] = job
    dispatch.feed(ev.JobSubmitted(job.id))
    dispatch.feed(ev.ChunksPlanned(job.id, tuple(job.chunks), final=True))


def join(dispatch: Dispatch, name: str, slots: int = 1) -> Link:
    link = Link(name, slots)
    dispatch.worker_joined(link, ev.WorkerJoined(name, slots))
    return link


def announce(dispatch: Dispatch, lease: int, data: bytes = b"records") -> None:
    dispatch.result_begins(lease, len(data), hashlib.sha256(data).hexdigest(), report())


def finish(dispatch: Dispatch, lease: int, data: bytes = b"records") -> None:
    """A daemon's whole result, in two blocks."""
    announce(dispatch, lease, data)
    dispatch.result_block(lease, data[:3])
    dispatch.result_block(lease, data[3:])


def delivered(job: Job) -> list[int | None]:
    """What the muxer was handed since the last time."""
    return [job.deliveries.get_nowait() for _ in range(job.deliveries.qsize())]
