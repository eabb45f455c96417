"""vidproc jobs: what a coordinator does and has done, and what can be done about it."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vidproc.cli import options
from vidproc.errors import CancelledError, ClientError, VidprocError, from_code, one_line

if TYPE_CHECKING:
    from vidproc.client.endpoint import Endpoint
    from vidproc.protocol.job_messages import Description

_EXAMPLES = """\
  vidproc jobs list
  vidproc jobs show 3f2a
  vidproc jobs fetch 3f2a --out out.mp4"""

_STATES = ("uploading", "indexing", "running", "muxing", "done", "failed", "cancelled")
_Command = Callable[["Endpoint", argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc jobs",
        "List a coordinator's jobs, those that have ended too, and watch, fetch, cancel, rerun and remove them. Of an "
        "id the beginning is enough, as long as no other job's begins so.",
        _EXAMPLES,
    )
    verbs = made.add_subparsers(title="verbs", metavar="VERB", required=True, help="VERB --help tells of each")
    _add_list(verbs)
    _add_show(verbs)
    _add_watch(verbs)
    _add_fetch(verbs)
    _add_cancel(verbs)
    _add_rerun(verbs)
    _add_remove(verbs)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    from vidproc.cli import where

    command: _Command = given.command
    try:
        return command(where.endpoint(given), given)
    except CancelledError as error:  # the job was, this program is not
        raise VidprocError(str(error)) from None


def _add(verbs: Any, name: str, command: _Command, help_: str, examples: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=options.Formatter,
    )
    made.set_defaults(command=command)
    made.add_argument("--json", action="store_true", help="say it as JSON, for programs")
    options.add_where(made)
    return made


def _add_job(to: argparse.ArgumentParser) -> None:
    to.add_argument("job", type=_id, metavar="ID", help="the job's id, or its beginning")


def _add_jobs(to: argparse.ArgumentParser) -> None:
    to.add_argument("jobs", type=_id, nargs="+", metavar="ID", help="the jobs' ids, or their beginnings")


def _add_quiet(to: argparse.ArgumentParser) -> None:
    to.add_argument("--quiet", action="store_true", help="show no progress")


def _add_output(to: argparse.ArgumentParser, required: bool) -> None:
    to.add_argument("--out", required=required, metavar="OUT", help="where the result goes, or - for standard output")
    to.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    to.add_argument("--metrics-json", metavar="FILE", help="write the job's figures there")
    to.set_defaults(video="-")  # there is no film here that could be overwritten
    _add_quiet(to)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


# list


def _add_list(verbs: Any) -> None:
    made = _add(
        verbs,
        "list",
        _list,
        "show the newest jobs, a line for each",
        "  vidproc jobs list\n  vidproc jobs list --state failed --limit 100 --json",
    )
    made.add_argument("--state", choices=_STATES, help="only the jobs in this state (default: all)")
    made.add_argument("--limit", type=_count, default=20, metavar="N", help="how many at most")
    made.add_argument("--before", type=_id, metavar="ID", help="only jobs that were submitted before this one")


def _id(text: str) -> str:
    from vidproc.protocol.messages import check_job_id

    try:
        check_job_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _list(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from vidproc.cli import job_views
    from vidproc.client import jobs
    from vidproc.model import JobState

    state = JobState(given.state) if given.state else None
    found = asyncio.run(jobs.listed(endpoint, given.limit, state, given.before or ""))
    if given.json:
        _print_json([job_views.summary_json(it) for it in found])
    elif found:
        width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
        print("\n".join(job_views.table(found, width, time.time())))
    else:
        print("no jobs", file=sys.stderr)
    return 0


# show


def _add_show(verbs: Any) -> None:
    made = _add(
        verbs,
        "show",
        _show,
        "tell all there is to know of a job: what was asked, how far it is, who worked on it, what came of it",
        "  vidproc jobs show 3f2a\n  vidproc jobs show 3f2a --json | jq .metrics",
    )
    _add_job(made)


def _show(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from vidproc.cli import job_views

    told, metrics, attempts = asyncio.run(_all_of(endpoint, given.job))
    if given.json:
        _print_json(job_views.details_json(told, metrics, attempts))
    else:
        print("\n".join(job_views.details(told, metrics, attempts, time.time())))
    return 0


async def _all_of(endpoint: Endpoint, job_id: str) -> tuple[Description, Any, Any]:
    from vidproc.client import jobs
    from vidproc.client.held import HeldJob

    told = await jobs.described(endpoint, job_id)
    metrics = None
    if told.summary.state.final:
        metrics = (await HeldJob(endpoint, told.summary.id, told.summary.name, lambda _: None).watch()).metrics
    return told, metrics, await jobs.attempts(endpoint, told.summary.id)


# watch


def _add_watch(verbs: Any) -> None:
    made = _add(
        verbs,
        "watch",
        _watch,
        "show a job's progress until it ends; the exit code is 0 if it is done, 4 if it failed",
        "  vidproc jobs watch 3f2a\n  vidproc jobs watch 3f2a --quiet && vidproc jobs fetch 3f2a --out out.mp4",
    )
    _add_job(made)
    _add_quiet(made)


def _watch(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from vidproc.cli import job_views, reporting
    from vidproc.client.held import HeldJob
    from vidproc.model import JobState

    told = _described(endpoint, given.job)
    with reporting.progress(given.quiet) as tell:
        finished = asyncio.run(HeldJob(endpoint, told.summary.id, told.summary.name, tell).watch())
    if given.json:
        _print_json(job_views.details_json(*asyncio.run(_all_of(endpoint, told.summary.id))))
    if finished.state is not JobState.DONE:
        raise from_code(finished.code, f"{told.summary.name}: {finished.message}")
    if not given.quiet:
        from vidproc.cli import where

        fetch = f"vidproc jobs fetch {given.job}{where.as_options(given)} --out OUT"
        print(f"{one_line(told.summary.name)} is done: {fetch}", file=sys.stderr)
    return 0


def _described(endpoint: Endpoint, job_id: str) -> Description:
    from vidproc.client import jobs

    return asyncio.run(jobs.described(endpoint, job_id))


# fetch


def _add_fetch(verbs: Any) -> None:
    made = _add(
        verbs,
        "fetch",
        _fetch,
        "get a job's result, when it is done; it may be fetched again",
        "  vidproc jobs fetch 3f2a --out out.mp4\n  vidproc jobs fetch 3f2a --out - | ffplay -",
    )
    _add_job(made)
    _add_output(made, required=True)


def _fetch(endpoint: Endpoint, given: argparse.Namespace) -> int:
    told = _described(endpoint, given.job)
    _check_outputs(given, told)
    _receive(endpoint, told, given, owned=False)
    return 0


def _check_outputs(given: argparse.Namespace, told: Description) -> None:
    """Raises `ClientError` where OUT could not be written, or has a name that says another container."""
    from vidproc.cli.job_options import check_outputs
    from vidproc.client import films
    from vidproc.client.containers import container_of

    if given.json and given.out == films.STANDARD:
        raise ClientError("--json and --out - would both go to standard output")
    check_outputs(given, given.overwrite)
    is_ = told.job.container
    if given.out != films.STANDARD and container_of(given.out) != is_:
        raise ClientError(f"--out {given.out}: the result is {is_}, so give it a name that ends in .{is_}")


def _receive(endpoint: Endpoint, told: Description, given: argparse.Namespace, owned: bool) -> None:
    from vidproc.cli import job_views, reporting
    from vidproc.client import download
    from vidproc.client.held import HeldJob

    it = told.summary
    with reporting.progress(given.quiet) as tell, download.into(given.out, given.overwrite) as opening:
        metrics = asyncio.run(HeldJob(endpoint, it.id, it.name, tell, owned).run(opening))
    given.quiet = given.quiet or given.json
    reporting.conclude(metrics, given)
    if given.json:
        _print_json(job_views.details_json(*asyncio.run(_all_of(endpoint, it.id))))


# cancel


def _add_cancel(verbs: Any) -> None:
    examples = "  vidproc jobs cancel 3f2a\n  vidproc jobs cancel 3f2a 9c01"
    _add_jobs(_add(verbs, "cancel", _cancel, "stop jobs that have not ended", examples))


def _cancel(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from vidproc.cli.each_job import each

    return each(endpoint, given, _cancelled, "cancelled")


def _cancelled(endpoint: Endpoint, job_id: str) -> dict[str, Any]:
    from vidproc.client import jobs
    from vidproc.model import JobState

    before = _described(endpoint, job_id).summary.state
    state = before if before.final else asyncio.run(jobs.cancel(endpoint, job_id))
    if state is not JobState.CANCELLED or before.final:
        raise ClientError(f"job {job_id} has ended already: it is {state}")
    return {"id": job_id, "state": str(state)}


# rerun


def _add_rerun(verbs: Any) -> None:
    made = _add(
        verbs,
        "rerun",
        _rerun,
        "do a job again, as a new one, on the film that the coordinator still holds, and get the result",
        "  vidproc jobs rerun 3f2a --out again.mp4\n  vidproc jobs rerun 3f2a --detach",
    )
    _add_job(made)
    made.add_argument("--detach", action="store_true", help="do not wait for the result: print the new job's id")
    _add_output(made, required=False)


def _rerun(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from vidproc.client import jobs

    if bool(given.out) is given.detach:
        raise ClientError("give --out OUT to wait for the result, or --detach to fetch it later")
    told = _described(endpoint, given.job)
    if given.out:
        _check_outputs(given, told)
    job_id = asyncio.run(jobs.rerun(endpoint, told.summary.id, given.detach))
    if given.detach:
        _print_json({"id": job_id}) if given.json else print(job_id)
    else:
        _receive(endpoint, _described(endpoint, job_id), given, owned=True)
    return 0


# remove


def _add_remove(verbs: Any) -> None:
    examples = "  vidproc jobs remove 3f2a\n  vidproc jobs remove 3f2a 9c01"
    _add_jobs(_add(verbs, "remove", _remove, "forget jobs that have ended, and remove their results", examples))


def _remove(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from vidproc.cli.each_job import each

    return each(endpoint, given, _removed, "removed")


def _removed(endpoint: Endpoint, job_id: str) -> dict[str, Any]:
    from vidproc.client import jobs

    return {"id": asyncio.run(jobs.remove(endpoint, job_id)), "removed": True}


if __name__ == "__main__":
    sys.exit(main())
