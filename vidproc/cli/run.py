"""vidproc-run: the same job without a cluster, on this host's cores."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidproc.cli import options
from vidproc.cli.job_options import add_job_options, add_output_options, check_outputs, job_of
from vidproc.cli.settings import add_settings
from vidproc.config import WorkerSettings, load
from vidproc.cores import usable_cores

if TYPE_CHECKING:
    from vidproc.model import JobSpec

_EXAMPLES = """\
  vidproc-run in.mp4 -o out.mp4 --filter blur:ksize=9
  vidproc-run in.mkv -o out.mkv --filter mine.py --processes 2"""


_ROWS = (
    ("--frame-timeout", "T", "seconds that a process may stay on one frame"),
    ("--memory-limit", "SIZE", "address space of a process; 0 for no limit"),
)


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-run",
        "Filter every frame of a video on this host's cores; no coordinator and no worker needed.",
        _EXAMPLES,
    )
    made.add_argument("video", metavar="IN", help="the film to process, or - for standard input")
    made.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="where the result goes, or - for standard output"
    )
    made.add_argument("--dry-run", action="store_true", help="only tell what would be done, and the memory it takes")
    made.add_argument("--processes", metavar="N", help="how many at once (default: the usable cores)")
    add_settings(made, WorkerSettings, _ROWS)
    add_output_options(made)
    add_job_options(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    from vidproc import local
    from vidproc.cli import reporting
    from vidproc.client import films

    worker = _worker(given)
    check_outputs(given, given.overwrite or given.dry_run)
    job = job_of(given, given.out)
    if given.dry_run:
        return _explain(worker, job, given.video)
    with films.on_disk(given.video) as video, reporting.progress(given.quiet) as tell:
        metrics = asyncio.run(local.run(worker, job, video, given.out, given.overwrite, tell))
    reporting.conclude(metrics, given)
    return 0


def _explain(worker: WorkerSettings, job: JobSpec, film: str) -> int:
    from vidproc.cli.explain import examine
    from vidproc.client import films
    from vidproc.media.slot_memory import ADDRESSES

    with films.on_disk(film) as video:
        examined = examine(job, video)
    print("\n".join(examined.lines()))
    room = worker.memory_limit - ADDRESSES
    if worker.memory_limit and examined.slot_bytes > room:
        print(f"warning:   --memory-limit leaves a slot {max(0, room) >> 20} MiB of memory", file=sys.stderr)
    return 0


def _worker(given: argparse.Namespace) -> WorkerSettings:
    """Raises `ClientError`. What the environment says is for daemons."""
    processes = usable_cores() if given.processes is None else given.processes
    options = {"processes": processes, "frame_timeout": given.frame_timeout, "memory_limit": given.memory_limit}
    return load(WorkerSettings, {**options, "allow_custom": True, "name": "here"}, None, {})


if __name__ == "__main__":
    sys.exit(main())
