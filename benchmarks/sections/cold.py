"""What starting costs: `vidproc-run`, which starts all it needs for one job, against daemons that run already; and how
long the programs take to say how they are used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from benchmarks import starting, tables
from benchmarks.cluster import Cluster
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Section, Table
from benchmarks.settings import Settings
from benchmarks.subjects import Cold, Warm
from benchmarks.work import Work

_PROGRAMS = ("vidproc-send", "vidproc-run")


def measure(settings: Settings) -> Section:
    with settings.warm() as cluster:
        found = list(_compared(settings, cluster))
    starts = [starting.measure(program) for program in _PROGRAMS]
    rows = [["program", "least", "median"]]
    rows += [[f"{it.program} --help", f"{it.least:.3f}", f"{it.median:.3f}"] for it in starts]
    made = [tables.side_by_side("Warm and cold", *found), Table("Seconds to start", rows)]
    data = {"films": [asdict(it) for it in found], "starts": [asdict(it) for it in starts]}
    return Section("cold", settings.plain(), tables.uneven(found), tables=made, data=data)


def _compared(settings: Settings, cluster: Cluster) -> Iterator[Comparison]:
    for seconds in sorted({1, settings.seconds[1]}):
        clip, work = settings.drawn(seconds), Work()
        it = Comparison(clip.stem, work.filter, settings.slots)
        warm = Warm(work, cluster)
        run_once(warm, clip, FIRST_CRF, settings.course.folder)
        compare(it, clip, [warm, Cold(work, settings.slots)], settings.course)
        yield it
