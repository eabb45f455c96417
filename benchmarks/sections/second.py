"""A film of one second: how long its user waits, against what its frames cost on all cores."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks import tables
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Section, Table, goal, spread
from benchmarks.settings import Settings
from benchmarks.subjects import FLOOR, WARM, Floor, Warm
from benchmarks.work import Work

_AT_MOST = 1.5
_ROUNDS = 7


def measure(settings: Settings) -> Section:
    settings, work = settings.with_rounds(_ROUNDS), Work()
    clip = settings.drawn(1)
    it = Comparison(clip.stem, work.filter, settings.slots)
    with settings.warm() as cluster:
        run_once(Warm(work, cluster), clip, FIRST_CRF, settings.course.folder)
        compare(it, clip, [Floor(work, settings.slots), Warm(work, cluster)], settings.course)
    command = it.ratio(WARM, FLOOR, lambda mine, floor: mine.seconds / floor.seconds)
    job = it.ratio(WARM, FLOOR, lambda mine, floor: mine.metrics["wall_s"] / floor.seconds)
    what = f"blur, {settings.height}p, 1 s: time of"
    seconds = [
        ("the floor on all cores", it.figure(FLOOR, lambda run: run.seconds)),
        ("the job, from the submission to the film", it.figure(WARM, lambda run: run.metrics["wall_s"])),
        ("vidproc-send, from its start to its end", it.figure(WARM, lambda run: run.seconds)),
    ]
    return Section(
        "second",
        settings.plain(),
        remarks=tables.uneven([it]),
        goals=[
            goal(f"{what} the job, times that of its frames on all cores", _AT_MOST, job, at_most=True),
            goal(f"{what} vidproc-send, times the same", _AT_MOST, command, at_most=True),
        ],
        tables=[
            Table("One second of film", [["", "seconds"], *([name, spread(found, 3)] for name, found in seconds)]),
            tables.where([it]),
        ],
        data=asdict(it),
    )
