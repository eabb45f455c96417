"""vidproc explain: what a job would do to a film, without doing it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vidproc import scratch
from vidproc.cli import options
from vidproc.cli.job_options import add_job_options, job_of
from vidproc.errors import one_line

if TYPE_CHECKING:
    from vidproc.media.ingest import Ingested
    from vidproc.media.probe import SourceInfo
    from vidproc.model import Chunk, EncoderSpec, JobSpec

_EXAMPLES = """\
  vidproc explain in.mp4 --filter blur:ksize=5 --filter edges
  vidproc explain in.mkv --processing motion --out out.mp4"""


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc explain",
        "Read a film and show what a job would make of it: its facts, the pixel formats on the way, where it would be "
        "cut into chunks, how much memory that takes, and what would be lost. Filters of your own are read here, and "
        "not run.",
        _EXAMPLES,
    )
    made.add_argument("video", metavar="IN", help="the film, or - for standard input")
    made.add_argument("--out", default="out.mp4", metavar="OUT", help="name of the result, which says its container")
    add_job_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _explain(given))


def _explain(given: argparse.Namespace) -> int:
    from vidproc.client import films

    job = job_of(given, given.out)
    with films.on_disk(given.video) as video:
        print("\n".join(examine(job, video).lines()))
    return 0


@dataclass(frozen=True, slots=True)
class Examined:
    """A job on a film that was read, and not worked on."""

    job: JobSpec
    source: Ingested
    encoder: EncoderSpec
    losses: tuple[str, ...]
    chunks: tuple[Chunk, ...]

    @property
    def slot_bytes(self) -> int:
        """Memory that a slot needs at most."""
        from vidproc.media.slot_memory import LargestChunk, slot_bytes

        streams = [self.source.info.stream, *(segment.stream for segment in self.source.segments)]
        return slot_bytes(streams, self.encoder, self.job.filters, LargestChunk.of(self.chunks))

    @property
    def need(self) -> str:
        """The same in words."""
        return f"a slot needs at most {self.slot_bytes >> 20} MiB"

    def lines(self) -> Iterator[str]:
        from vidproc.media.pictures import working_format
        from vidproc.pipelines.plan import outline, remembered

        info, stream, spec = self.source.info, self.source.info.stream, self.encoder
        yield f"source:    {info.container}, {stream.codec} {stream.width}x{stream.height} {stream.pix_fmt}"
        yield f"           {self.source.frames} frames at {float(stream.frame_rate):.3f} a second, {_streams(info)}"
        yield f"filters:   {outline(self.job.filters, working_format(stream.pix_fmt), spec.pix_fmt).explain()}"
        for line in remembered(self.job.filters):
            yield f"           {line}"
        yield (
            f"result:    {self.job.container}, {spec.codec} {spec.width}x{spec.height} {spec.pix_fmt}, "
            f"CRF {spec.crf:g}"
        )
        lengths = [chunk.frames for chunk in self.chunks]
        inside = sum(one.packets_start == other.packets_start for one, other in pairwise(self.chunks))
        sizes = f"{min(lengths)} to {max(lengths)} frames"
        yield f"chunks:    {len(self.chunks)} of {sizes}, {inside} of them begin inside a group of pictures"
        if shared := sum(chunk.start - chunk.first for chunk in self.chunks):
            yield f"           {shared} frames are needed by the chunk after their own too"
        yield f"memory:    {self.need}"
        for loss in (*self.losses, *self.source.losses):
            yield f"loss:      {one_line(loss)}"


def examine(asked: JobSpec, video: str) -> Examined:
    """Read the film as a coordinator would, with its settings at their defaults. Raises as submitting the job does."""
    from vidproc.client.files import gathered
    from vidproc.config import CoordinatorSettings
    from vidproc.coordinator import validation
    from vidproc.media import ffmpeg
    from vidproc.media.ingest import Listener, Request, ingest
    from vidproc.media.output_format import encoder_spec, shape_of
    from vidproc.media.plan import tuning_for
    from vidproc.pipelines.files import read
    from vidproc.pipelines.plan import check, sequential_part, shapes

    ffmpeg.silence()
    job, files = gathered(asked)
    job = validation.completed(job, CoordinatorSettings())
    validation.check(job)
    read(job.filters, files)
    chunks: list[Chunk] = []
    with scratch.folder() as folder:
        part = sequential_part(job.filters)
        request = Request(job.start, job.duration, check(job.filters), tuning_for(part is not None and part.pinned))
        source = ingest(video, folder / "packets", request, Listener(chunks=chunks.extend))
    stream = source.info.stream
    encoder, losses = encoder_spec(stream, job, shapes(job.filters, shape_of(stream))[-1])
    return Examined(job, source, encoder, losses, tuple(chunks))


def _streams(info: SourceInfo) -> str:
    return ", ".join(f"{stream.type} {stream.codec}" for stream in info.streams)


if __name__ == "__main__":
    sys.exit(main())
