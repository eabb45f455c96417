"""How fast vidproc is on films of usual length, against the floor and against what else people use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import quality, tables
from benchmarks.cluster import Cluster
from benchmarks.comparison import FIRST_CRF, Comparison, Spread, compare, run_once
from benchmarks.page import Chart, Goal, Section, goal
from benchmarks.settings import Settings
from benchmarks.subjects import FFMPEG, FLOOR, OPENCV, PEERS, PYAV, WARM, Floor, Subject, Warm, peers
from benchmarks.work import Work

_FILTERS = ("blur", "edges", "motion")
_MET = {"blur": (FFMPEG, OPENCV)}
"""Whom each filter is compared with, where that is not the PyAV loop."""

_OF_FLOOR = (0.95, 0.90)
"""On the long and on the short film."""
_OF_PEERS = {("blur", FFMPEG): 1.1, ("edges", PYAV): 1.2, ("motion", PYAV): 1.2, ("blur", OPENCV): 1.0}
_COORDINATOR_US = 150


def measure(settings: Settings) -> Section:
    """The long film with all peers, the short one and the user's with the floor alone."""
    drawn = [settings.drawn(seconds) for seconds in settings.seconds]
    with settings.warm() as cluster:
        found = [it for clip in (*drawn, *settings.films) for it in _on(clip, clip == drawn[0], settings, cluster)]
    return Section(
        "films",
        settings.plain(),
        remarks=tables.uneven(found),
        goals=list(_goals(found, [clip.stem for clip in drawn], settings)),
        tables=[tables.speed(found), tables.result(found), tables.frame(found), tables.job(found), tables.where(found)],
        charts=[_chart(found, drawn[0].stem, settings)],
        data=[asdict(it) for it in found],
    )


def _on(clip: Path, with_peers: bool, settings: Settings, cluster: Cluster) -> Iterator[Comparison]:
    """All filters over one clip; the first job has to upload it."""
    names = settings.filters or _FILTERS
    settings.course.tell(f"{clip.stem}: with upload")
    first = run_once(Warm(Work(names[0]), cluster), clip, FIRST_CRF, settings.course.folder)
    for name in names:
        it, work = Comparison(clip.stem, name, cluster.slots), Work(name)
        it.first = first if name == names[0] else None
        expected = quality.reference(clip, work.task) if with_peers else ()
        compare(it, clip, _subjects(work, with_peers, settings, cluster), settings.course, expected)
        yield it


def _subjects(work: Work, with_peers: bool, settings: Settings, cluster: Cluster) -> list[Subject]:
    met = PEERS if settings.every else _MET.get(work.filter, (PYAV,))
    return [Floor(work, settings.slots), Warm(work, cluster), *(peers(met, work) if with_peers else [])]


def _goals(found: Sequence[Comparison], drawn: Sequence[str], settings: Settings) -> Iterator[Goal]:
    for clip, seconds, aim in zip(drawn, settings.seconds, _OF_FLOOR, strict=True):
        for it in _of(found, clip):
            what = f"{it.filter}, {settings.height}p, {seconds:g} s: speed, share of the floor's"
            yield goal(what, aim, it.speed(WARM, FLOOR))
    for it in _of(found, drawn[0]):
        for name in it.subjects:
            if aim_of := _OF_PEERS.get((it.filter, name)):
                what = f"{it.filter}, {settings.height}p, {settings.seconds[0]:g} s: speed, times that of {name}"
                yield goal(what, aim_of, it.speed(WARM, name))
    costs = [cost for it in _of(found, drawn[0]) for cost in _coordinator_us(it)]
    what = f"coordinator and media process, {settings.height}p: CPU µs a frame"
    yield goal(what, _COORDINATOR_US, Spread.of(costs), at_most=True)


def _of(found: Sequence[Comparison], clip: str) -> list[Comparison]:
    return [it for it in found if it.clip == clip]


def _coordinator_us(it: Comparison) -> list[float]:
    return [1e6 * run.cpu["coordinator"] / run.frames for run in it.runs(WARM)]


def _chart(found: Sequence[Comparison], clip: str, settings: Settings) -> Chart:
    bars = [bar for it in _of(found, clip) for bar in tables.bars(it, it.filter)]
    heading = f"Frames a second, {settings.height}p of {settings.seconds[0]:g} s on {settings.slots} cores"
    return Chart("benchmark-films", heading, "frames/s", bars)
