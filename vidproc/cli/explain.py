"""vidproc explain: what a job would do to a film, without doing it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from vidproc.cli import options
from vidproc.cli.job_options import add_job_options, job_of
from vidproc.errors import one_line

if TYPE_CHECKING:
    from vidproc.media.ingest import Ingested
    from vidproc.model import Chunk, JobSpec

_EXAMPLES = """\
  vidproc explain in.mp4 --filter blur:ksize=5 --filter edges
  vidproc explain in.mkv --processing motion --out out.mp4"""


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc explain",
        "Read a film and show what a job would make of it: its facts, the pixel formats on the way, where it would be "
        "cut into chunks, and what would be lost. Filters of your own are read here, and not run.",
        _EXAMPLES,
    )
    made.add_argument("video", metavar="IN", help="the film")
    made.add_argument("--out", default="out.mp4", metavar="OUT", help="name of the result, which says its container")
    add_job_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _explain(given))


def _explain(given: argparse.Namespace) -> int:
    from vidproc.client.files import gathered
    from vidproc.config import CoordinatorSettings
    from vidproc.coordinator import validation
    from vidproc.media import ffmpeg
    from vidproc.media.ingest import Listener, Request, ingest
    from vidproc.media.plan import tuning_for
    from vidproc.pipelines.files import read
    from vidproc.pipelines.plan import check, sequential_part

    ffmpeg.silence()
    job, files = gathered(job_of(given, given.out))
    job = validation.completed(job, CoordinatorSettings())
    validation.check(job)
    read(job.filters, files)
    chunks: list[Chunk] = []
    with tempfile.TemporaryDirectory(prefix="vidproc-") as folder:
        part = sequential_part(job.filters)
        request = Request(job.start, job.duration, check(job.filters), tuning_for(part is not None and part.pinned))
        source = ingest(given.video, Path(folder) / "packets", request, Listener(chunks=chunks.extend))
    print("\n".join(_lines(source, job, chunks)))
    return 0


def _lines(source: Ingested, job: JobSpec, chunks: Sequence[Chunk]) -> Iterator[str]:
    from vidproc.media.output_format import encoder_spec, shape_of
    from vidproc.media.pictures import working_format
    from vidproc.pipelines.plan import outline, remembered, shapes

    info, stream = source.info, source.info.stream
    spec, losses = encoder_spec(stream, job, shapes(job.filters, shape_of(stream))[-1])
    yield f"source:    {info.container}, {stream.codec} {stream.width}x{stream.height} {stream.pix_fmt}"
    yield f"           {source.frames} frames at {float(stream.frame_rate):.3f} a second, {_streams(source)}"
    yield f"filters:   {outline(job.filters, working_format(stream.pix_fmt), spec.pix_fmt).explain()}"
    for line in remembered(job.filters):
        yield f"           {line}"
    yield f"result:    {job.container}, {spec.codec} {spec.width}x{spec.height} {spec.pix_fmt}, CRF {spec.crf:g}"
    lengths = [chunk.frames for chunk in chunks]
    inside = sum(one.packets_start == other.packets_start for one, other in pairwise(chunks))
    sizes = f"{min(lengths)} to {max(lengths)} frames"
    yield f"chunks:    {len(chunks)} of {sizes}, {inside} of them begin inside a group of pictures"
    if shared := sum(chunk.start - chunk.first for chunk in chunks):
        yield f"           {shared} frames are needed by the chunk after their own too"
    for loss in (*losses, *source.losses):
        yield f"loss:      {one_line(loss)}"


def _streams(source: Ingested) -> str:
    return ", ".join(f"{stream.type} {stream.codec}" for stream in source.info.streams)


if __name__ == "__main__":
    sys.exit(main())
