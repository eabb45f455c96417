"""All subjects with all filters, from 480p to 4K."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from benchmarks import quality, tables
from benchmarks.clips import recipe_of
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Chart, Section
from benchmarks.settings import Settings
from benchmarks.subjects import PEERS, Cold, Floor, Subject, Warm, peers
from benchmarks.tasks import TASKS
from benchmarks.work import Work

_SCALES = (480, 720, 1080, 2160)
_OF = 1080
_SECONDS = 5


def measure(settings: Settings) -> Section:
    """`settings.height` stands for 1080p; the others are as much higher and lower than it."""
    heights = [scale * settings.height // _OF // 2 * 2 for scale in _SCALES]
    at = [(height, it) for height in heights for it in _at(height, settings)]
    found, charts = [it for _, it in at], [_chart(name, at) for name in settings.filters or TASKS]
    made = [tables.speed(found), tables.result(found)]
    data = [asdict(it) for it in found]
    return Section("heights", settings.plain(), tables.uneven(found), tables=made, charts=charts, data=data)


def _at(height: int, settings: Settings) -> Iterator[Comparison]:
    clip = settings.drawn(_SECONDS, height)
    with settings.warm() as cluster:
        run_once(Warm(Work(), cluster), clip, FIRST_CRF, settings.course.folder)
        for name in settings.filters or TASKS:
            it, work = Comparison(clip.stem, name, settings.slots), Work(name)
            mine = Floor(work, settings.slots), Warm(work, cluster), Cold(work, settings.slots)
            subjects: list[Subject] = [*mine, *peers(PEERS, work)]
            compare(it, clip, subjects, settings.course, quality.reference(clip, work.task))
            yield it


def _chart(name: str, found: Sequence[tuple[int, Comparison]]) -> Chart:
    """In pixels, since a film of 480p has twenty times the frames a second of one of 4K."""
    bars = [
        bar
        for height, it in found
        for bar in tables.bars(it, f"{height}p", height * recipe_of(1, height).width / 1e6)
        if it.filter == name
    ]
    return Chart(f"benchmark-heights-{name}", f"Megapixels a second, {name}, {_SECONDS} s", "megapixels/s", bars)
