"""vidproc-send: give a film to a coordinator and get it back, processed."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from vidproc.cli import options
from vidproc.cli.job_options import add_job_options, add_output_options, check_outputs, job_of
from vidproc.errors import ClientError, one_line

if TYPE_CHECKING:
    from vidproc.client.endpoint import Endpoint
    from vidproc.model import JobSpec

_EXAMPLES = """\
  vidproc-send --video in.mp4 --processing blur --param ksize=9 --out out.mp4
  vidproc-send --video in.mkv --filter blur:ksize=5 --filter edges --out out.mkv
  vidproc-send --host worker.lan --token-file t --video in.mp4 --filter mine.py --out out.mp4
  vidproc-send --video in.mkv --filter denoise --detach --out out.mkv"""


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-send", "Send a video to a coordinator, and get the same film back, every frame filtered.", _EXAMPLES
    )
    made.add_argument("--video", required=True, metavar="IN", help="the film to process, or - for standard input")
    made.add_argument(
        "--out", metavar="OUT", help="where the result goes, or - for standard output; its ending says the container"
    )
    made.add_argument(
        "--detach",
        action="store_true",
        help="print the job's id and leave when the film is sent; the result is fetched later, by vidproc jobs. "
        "Nothing is written then, and of --out only the ending counts (without it: mp4)",
    )
    made.add_argument(
        "--dry-run",
        action="store_true",
        help="only ask the coordinator whether it would take the job, by its limits and the room on its disk too, and "
        "tell how much memory a slot needs for it",
    )
    add_output_options(made)
    add_job_options(made)
    options.add_where(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _send(given))


def _send(given: argparse.Namespace) -> int:
    from vidproc.cli import where
    from vidproc.client import films

    _check_out(given)
    job = job_of(given, given.out)
    endpoint = where.endpoint(given)
    with films.on_disk(given.video) as video:
        if given.dry_run:
            _ask(endpoint, job, video)
        else:
            _process(endpoint, job, video, given)
    return 0


def _check_out(given: argparse.Namespace) -> None:
    """Raises `ClientError` where what is to be written could not be, or nothing says where."""
    if given.out is None:
        if not (given.dry_run or given.detach):
            raise ClientError("--out is missing: where should the result go?")
        given.out = "-"
    if not given.detach:
        check_outputs(given, given.overwrite or given.dry_run)
    elif given.metrics_json or given.overwrite:
        option = "--metrics-json" if given.metrics_json else "--overwrite"
        raise ClientError(f"{option} has no meaning with --detach: give it to vidproc jobs fetch")


def _ask(endpoint: Endpoint, job: JobSpec, video: str) -> None:
    import asyncio

    from vidproc.cli.explain import examine
    from vidproc.client import remote

    print(one_line(asyncio.run(remote.dry_run(endpoint, job, video))), file=sys.stderr)
    print(examine(job, video).need, file=sys.stderr)


def _process(endpoint: Endpoint, job: JobSpec, video: str, given: argparse.Namespace) -> None:
    from vidproc.client import files, films, head_start, specs

    specs.check_size(job.filters)
    job, held = files.gathered(job)
    source = films.source_of(video)
    paths = films.paths(given.video, "" if given.detach else given.out)
    submission = head_start.submission(job, source, given.detach, paths)
    begun = head_start.submit(endpoint, submission)

    import asyncio

    from vidproc.cli import reporting
    from vidproc.client import remote

    with reporting.progress(given.quiet) as tell:
        if given.detach:
            job_id = asyncio.run(remote.RemoteJob(endpoint, submission, held, source, tell, begun).hand_over())
        else:
            course = remote.process_source(endpoint, submission, held, source, given.out, given.overwrite, tell, begun)
            metrics = asyncio.run(course)
    if given.detach:
        _say_where(job_id, job, given)
    else:
        reporting.conclude(metrics, given)


def _say_where(job_id: str, job: JobSpec, given: argparse.Namespace) -> None:
    from vidproc.cli import where

    print(job_id)
    if not given.quiet:
        there = where.as_options(given)
        out = f"out.{job.container}" if given.out == "-" else shlex.quote(given.out)
        print(f"watch it:  vidproc jobs watch {job_id}{there}", file=sys.stderr)
        print(f"fetch it:  vidproc jobs fetch {job_id}{there} --out {out}", file=sys.stderr)


def program() -> NoReturn:
    options.leave(main())


if __name__ == "__main__":
    program()
