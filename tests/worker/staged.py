"""A film's chunks through a sequential stage, as a coordinator would lease them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from tests.worker.work import Work, pixels
from vidproc.coordinator.staging import Staging
from vidproc.media.output_format import shape_of
from vidproc.model import ChunkReport, ChunkTask, LeaseKind
from vidproc.pipelines.plan import sequential_part, shapes
from vidproc.scheduling.events import Grant
from vidproc.storage.job_folder import JobFolder
from vidproc.worker.chunk import ChunkRunner


def times(first: int, last: int) -> bytes:
    """Of the ranks [first, last): they come every 40 ms."""
    return struct.pack(f"<{last - first}q", *(40_000 * rank for rank in range(first, last)))


@dataclass
class Staged:
    """A job with a stage; `reports` are the stage's."""

    work: Work
    folder: JobFolder
    staging: Staging
    reports: list[ChunkReport] = field(default_factory=list)

    @classmethod
    def of(cls, work: Work, path: Path) -> Staged:
        folder = JobFolder(path)
        folder.create()
        folder.create_stage()
        (path / "packets").write_bytes(work.film.packets)
        part = sequential_part(work.filters)
        assert part is not None
        shape = shapes(work.filters, shape_of(work.film.result.info.stream))[part.filters]
        return cls(work, folder, Staging(part, work.filters, shape, folder))

    def lease(self, kind: LeaseKind, chunk: int, continues: bool, replays: bool = False) -> tuple[ChunkTask, bytes]:
        """The task and what comes with it."""
        grant = Grant(1, "a", 0, "job", chunk, 1, kind, continues, replays=replays)
        here, before = self.work.film.chunks[chunk], self.work.film.chunks[chunk - 1]
        begins = chunk == 0 or here.segment != before.segment
        told = replace(self.work.task(chunk, continues), times=times(here.first, here.last))
        task = self.staging.task(grant, told, begins, here is self.work.film.chunks[-1])
        start = before.packets_stop if continues else here.packets_start
        packets = (self.folder.path / "packets", start, here.packets_stop)
        pieces = self.staging.payload(grant, here, packets, begins)
        return task, b"".join(path.read_bytes()[start:stop] for path, start, stop in pieces)

    def step(self, runner: ChunkRunner, chunk: int, continues: bool = False, replays: bool = False) -> bytes:
        """The stage's work on one chunk, kept."""
        report, result = runner.run(*self.lease(LeaseKind.STAGE, chunk, continues, replays))
        if not replays:
            self.folder.stage(chunk).write_bytes(result)
        self.staging.keep(self.work.film.chunks[chunk], report, replays)
        self.reports.append(report)
        return result

    def frames(self, runner: ChunkRunner, chunk: int) -> dict[int, bytes]:
        """A chunk of the film, by rank."""
        return pixels(*runner.run(*self.lease(LeaseKind.CHUNK, chunk, False)))
