"""vidproc verify: prove that a cluster gives the same bytes as one process."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from vidproc import scratch
from vidproc.cli import options
from vidproc.cli.job_options import add_job_options, job_of

if TYPE_CHECKING:
    from vidproc.model import JobSpec

_EXAMPLES = """\
  vidproc verify in.mp4 --filter blur:ksize=5
  vidproc verify in.mp4 --filter motion --host coordinator.lan --token-file t
  vidproc verify in.mp4 --filter edges --processes 4"""

_DIFFERENT = 1


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc verify",
        "Run a job in one process here, and again on a cluster, or with --processes on this host; compare the frames "
        "before encoding, and the films. Exit code 0: they are the same; 1: they are not.",
        _EXAMPLES,
    )
    made.add_argument("video", metavar="IN", help="the film, or - for standard input")
    made.add_argument("--out", default="out.mp4", metavar="NAME", help="only its ending counts: it says the container")
    made.add_argument("--processes", type=int, metavar="N", help="compare with N processes here, not with a cluster")
    made.add_argument("--quiet", action="store_true", help="show no progress")
    add_job_options(made)
    options.add_where(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _verify(given))


def _verify(given: argparse.Namespace) -> int:
    from vidproc.client import films

    job = replace(job_of(given, given.out), digest_frames=True)
    with films.on_disk(given.video) as given.video, scratch.folder() as folder:
        one = _here(given, job, 1, folder / f"one.{job.container}")
        other = _elsewhere(given, job, folder / f"other.{job.container}")
    differing = [_differing_chunks(one["frame_digests"], other["frame_digests"]), _differing_films(one, other)]
    for what, how in zip(("frames before encoding", "films (SHA-256)"), differing, strict=True):
        print(f"{what}: {f'DIFFERENT: {how}' if how else 'the same'}")
    return _DIFFERENT if any(differing) else 0


def _here(given: argparse.Namespace, job: JobSpec, processes: int, out: Path) -> Mapping[str, Any]:
    from vidproc import local
    from vidproc.cli import reporting
    from vidproc.config import WorkerSettings

    worker = WorkerSettings(allow_custom=True, name="here", processes=processes)
    with reporting.progress(given.quiet) as tell:
        return asyncio.run(local.run(worker, job, given.video, str(out), False, tell))


def _elsewhere(given: argparse.Namespace, job: JobSpec, out: Path) -> Mapping[str, Any]:
    from vidproc.cli import reporting, where
    from vidproc.client import remote

    if given.processes is not None:
        return _here(given, job, given.processes, out)
    with reporting.progress(given.quiet) as tell:
        return asyncio.run(remote.process(where.endpoint(given), job, given.video, str(out), False, tell))


def _differing_chunks(one: Sequence[str], other: Sequence[str]) -> str:
    """In which chunks; empty for none."""
    if len(one) != len(other):
        return f"{len(one)} chunks in one process, {len(other)} on the cluster"
    numbers = [number for number, (here, there) in enumerate(zip(one, other, strict=True)) if here != there]
    return f"in {len(numbers)} of {len(one)} chunks, the first is number {numbers[0]}" if numbers else ""


def _differing_films(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    if one["sha256"] == other["sha256"]:
        return ""
    return f"{one['sha256']} in one process, {other['sha256']} on the cluster"


if __name__ == "__main__":
    sys.exit(main())
