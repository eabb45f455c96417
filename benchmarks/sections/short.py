"""Films of five seconds with a single keyframe, as they lie about in the web: there, what a job costs beside its work
counts most, and all processes but one have to decode what is not theirs."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks import tables
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Section, goal
from benchmarks.settings import Settings
from benchmarks.subjects import FFMPEG, FLOOR, WARM, Floor, Subject, Warm, peers
from benchmarks.work import Work

_SECONDS = 5
_ROUNDS = 7


def measure(settings: Settings) -> Section:
    settings, work = settings.with_rounds(_ROUNDS), Work()
    height = settings.height * 2 // 3
    clip = settings.drawn(_SECONDS, height, one_keyframe=True)
    it = Comparison(clip.stem, work.filter, settings.slots)
    with settings.warm() as cluster:
        it.first = run_once(Warm(work, cluster), clip, FIRST_CRF, settings.course.folder)
        subjects: list[Subject] = [Floor(work, settings.slots), Warm(work, cluster), *peers((FFMPEG,), work)]
        compare(it, clip, subjects, settings.course)
    what = f"blur, {height}p, {_SECONDS} s, one keyframe: speed,"
    return Section(
        "short",
        settings.plain(),
        remarks=tables.uneven([it]),
        goals=[
            goal(f"{what} share of the floor's", 0.80, it.speed(WARM, FLOOR)),
            goal(f"{what} times {FFMPEG}'s", 1.0, it.speed(WARM, FFMPEG)),
        ],
        tables=[tables.speed([it]), tables.frame([it]), tables.job([it]), tables.where([it])],
        data=asdict(it),
    )
