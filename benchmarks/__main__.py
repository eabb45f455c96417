"""`make bench`: what is measured, the tables, and the JSON."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, report
from benchmarks.clips import FOLDER
from benchmarks.comparison import Course
from benchmarks.results import Measured, Results, load, save
from benchmarks.sections import SECTIONS, WITH_GOALS
from benchmarks.settings import Settings
from benchmarks.tasks import TASKS
from vidproc import scratch
from vidproc.cores import usable_cores
from vidproc.errors import VidprocError

RESULTS = FOLDER / "results.json"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure vidproc against its floor and what else people use. Keep the machine idle meanwhile.",
    )
    names = ", ".join([*SECTIONS, "all"])
    made.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {names} (default: {' '.join(WITH_GOALS)})")
    made.add_argument("--goals", action="store_true", help="those with goals, which is the default")
    made.add_argument(
        "--film", action="append", default=[], type=Path, metavar="FILE", help="measure `films` on this too; repeatable"
    )
    made.add_argument(
        "--seconds", type=two_lengths, default="30,10", metavar="S,S", help="of the two drawn films (default: 30,10)"
    )
    made.add_argument("--height", type=int, default=1080, metavar="N", help="of the drawn films (default: 1080)")
    known = f"of {', '.join(TASKS)} (default: blur,edges,motion; all for `heights`)"
    made.add_argument("--filters", default="", metavar="NAME,...", help=known)
    made.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each takes its turn (default: 3)")
    made.add_argument(
        "--slots", type=int, default=usable_cores(), metavar="N", help="of vidproc (default: the usable cores)"
    )
    made.add_argument("--unix", action="store_true", help="vidproc by AF_UNIX instead of TCP")
    made.add_argument("--every", action="store_true", help="`films` with every subject for every filter")
    made.add_argument("--resume", action="store_true", help="leave out what the results file has of this commit")
    made.add_argument(
        "--json", type=Path, default=RESULTS, metavar="FILE", help="the results file, written after each section"
    )
    made.add_argument("--write-docs", action="store_true", help="put all that the file has into docs/benchmarks.md")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    options = parser()
    given = options.parse_args(argv)
    names, results = _names(given, options), load(given.json)
    with scratch.folder() as folder:
        settings = _settings(given, folder, options)
        failed = [name for name in names if not _measured(name, settings, results, given)]
    print(report.goals_text(results))
    if given.write_docs:
        report.write_docs(results, SECTIONS)
    return 1 if failed else 0


def _names(given: argparse.Namespace, options: argparse.ArgumentParser) -> list[str]:
    wanted = list(given.sections) or list(WITH_GOALS)
    if given.goals:
        wanted = list(dict.fromkeys([*WITH_GOALS, *given.sections]))
    if "all" in wanted:
        return list(SECTIONS)
    if unknown := [name for name in wanted if name not in SECTIONS]:
        options.error(f"there is no section {unknown[0]!r}: there are {', '.join(SECTIONS)}, and all")
    return wanted


def two_lengths(text: str) -> tuple[float, float]:
    """Of the longer and the shorter film. Raises `ValueError`."""
    long, short = map(float, text.split(","))
    return long, short


def _settings(given: argparse.Namespace, folder: Path, options: argparse.ArgumentParser) -> Settings:
    filters = tuple(filter(None, given.filters.split(",")))
    if unknown := [name for name in filters if name not in TASKS]:
        options.error(f"--filters: there is nothing to compare {unknown[0]!r} with, only {', '.join(TASKS)}")
    course = Course(given.rounds, folder, _tell)
    return Settings(
        course, FOLDER, given.slots, given.unix, given.height, given.seconds, tuple(given.film), filters, given.every
    )


def _measured(name: str, settings: Settings, results: Results, given: argparse.Namespace) -> bool:
    """Whether the section could be measured, or was before. It is kept at once, whatever becomes of the next."""
    described, began = machine.describe(), time.monotonic()
    if given.resume and results.has(name, settings.plain(), described):
        _tell(f"{name}: measured before")
        return True
    try:
        section = SECTIONS[name](settings)
    except (subprocess.CalledProcessError, VidprocError, OSError, RuntimeError, ValueError) as error:
        _tell(f"error: {name}: {error}")
        return False
    results.sections[name] = Measured(section, described, round(time.monotonic() - began, 1))
    save(results, given.json)
    print(f"{report.text(section)}\n", flush=True)
    return True


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
