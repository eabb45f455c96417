"""How much faster all cores are than one: a daemon with one process and one with as many as there are cores."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks import tables
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Section, goal
from benchmarks.settings import Settings
from benchmarks.subjects import Warm
from benchmarks.work import Work

_A_CORE = 0.95


def measure(settings: Settings) -> Section:
    """Both clusters are up all the time: one that has no job takes nothing."""
    clip, work = settings.drawn(settings.seconds[1]), Work()
    it = Comparison(clip.stem, work.filter, settings.slots)
    one, many = "1 process", f"{settings.slots} processes"
    with settings.warm(1) as single, settings.warm() as whole:
        subjects = [Warm(work, single, one), Warm(work, whole, many)]
        for subject in subjects:
            run_once(subject, clip, FIRST_CRF, settings.course.folder)
        compare(it, clip, subjects, settings.course)
    what = f"blur, {settings.height}p, {settings.seconds[1]:g} s: speed of {many}, times one's"
    return Section(
        "processes",
        settings.plain(),
        remarks=tables.uneven([it]),
        goals=[goal(what, _A_CORE * settings.slots, it.speed(many, one))],
        tables=[tables.side_by_side("One process and all", it)],
        data=asdict(it),
    )
