"""`make bench`: all comparisons, the tables, and the JSON."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import cluster, floor, machine, report, starting
from benchmarks.clips import FOLDER, Recipe, drawn
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.subjects import COLD, FFMPEG, FLOOR, Cold, Ffmpeg, Floor, Subject, Warm, ffmpeg_program
from benchmarks.work import Work
from vidproc.cores import usable_cores
from vidproc.errors import VidprocError

CLIPS = FOLDER
WARM_UP = Recipe(1, 640, 360)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure a blur by vidproc against its floor and against ffmpeg. Keep the machine idle meanwhile.",
    )
    made.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="films to measure on, beside the drawn ones")
    made.add_argument(
        "--drawn", default="30,10", metavar="S,S", help="seconds of the drawn 1080p films, or none (default: 30,10)"
    )
    made.add_argument("--height", type=int, default=1080, metavar="N", help="of the drawn films (default: 1080)")
    made.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each takes its turn (default: 3)")
    made.add_argument(
        "--slots", type=int, default=usable_cores(), metavar="N", help="of vidproc (default: the usable cores)"
    )
    made.add_argument("--unix", action="store_true", help="vidproc by AF_UNIX instead of TCP")
    made.add_argument(
        "--without",
        action="append",
        default=[],
        choices=(FLOOR, COLD, FFMPEG, "crowd"),
        help="leave this out; repeatable. crowd: the floor on all cores at once",
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    made.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    try:
        results = measure(given)
    except (subprocess.CalledProcessError, VidprocError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.text(results))
    if given.json:
        given.json.write_text(json.dumps(report.plain(results), indent=1, default=str) + "\n", encoding="utf-8")
    if given.write_docs:
        report.write_docs(results)
    return 0


def measure(given: argparse.Namespace) -> report.Results:
    clips = [*_drawn_clips(given), *given.clips]
    described, work = machine.describe(), Work()
    starts = [starting.measure(program) for program in ("vidproc-send", "vidproc-run")]
    comparisons = []
    with tempfile.TemporaryDirectory(prefix="vidproc-bench-") as name, cluster.started(given.slots, given.unix) as warm:
        folder = Path(name)
        run_once(Warm(work, warm), drawn(WARM_UP, CLIPS), FIRST_CRF, folder)
        for clip in clips:
            comparisons.append(_compare(given, clip, work, warm, folder))
    settings = {
        "ksize": work.ksize,
        "preset": work.preset,
        "slots": given.slots,
        "transport": "AF_UNIX" if given.unix else "TCP",
        "rounds": given.rounds,
    }
    return report.Results(described, settings, comparisons, starts)


def _drawn_clips(given: argparse.Namespace) -> list[Path]:
    seconds = [] if given.drawn == "none" else [float(each) for each in given.drawn.split(",")]
    width = given.height * 16 // 9 // 2 * 2
    _tell("making clips")
    return [drawn(Recipe(each, width, given.height), CLIPS) for each in seconds]


def _compare(given: argparse.Namespace, clip: Path, work: Work, warm: cluster.Cluster, folder: Path) -> Comparison:
    _tell(f"{clip.stem}: with upload")
    first = run_once(Warm(work, warm), clip, FIRST_CRF, folder)
    result = compare(clip, list(_subjects(given, work, warm)), given.slots, given.rounds, folder, _tell)
    result.first = first
    if FLOOR not in given.without and "crowd" not in given.without:
        _tell(f"{clip.stem}: the floor on all cores at once")
        result.crowded = _crowded(clip, work, given.slots)
    return result


def _subjects(given: argparse.Namespace, work: Work, warm: cluster.Cluster) -> Iterator[Subject]:
    if FLOOR not in given.without:
        yield Floor(work, given.slots)
    yield Warm(work, warm)
    program = ffmpeg_program()
    if program and FFMPEG not in given.without:
        yield Ffmpeg(work, program)
    if COLD not in given.without:
        yield Cold(work, given.slots)


def _crowded(clip: Path, work: Work, copies: int) -> float:
    """How fast one of several copies of the floor is, of one that runs alone."""
    alone = floor.measure_apart(clip, work, FIRST_CRF)[0].seconds
    together = [it.seconds for it in floor.measure_apart(clip, work, FIRST_CRF, copies)]
    return alone / (sum(together) / len(together))


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
