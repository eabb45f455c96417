"""TCP and AF_UNIX, on a film where it could matter: one that takes long in the slots, and one that doesn't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from benchmarks import tables
from benchmarks.cluster import Cluster
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Section
from benchmarks.settings import Settings
from benchmarks.subjects import Warm
from benchmarks.work import Work


def measure(settings: Settings) -> Section:
    with settings.warm(unix=False) as tcp, settings.warm(unix=True) as unix:
        found = list(_compared(settings, tcp, unix))
    made = [tables.side_by_side("Transports", *found)]
    data = [asdict(it) for it in found]
    return Section("transports", settings.plain(), tables.uneven(found), tables=made, data=data)


def _compared(settings: Settings, tcp: Cluster, unix: Cluster) -> Iterator[Comparison]:
    for seconds in sorted({1, settings.seconds[1]}):
        clip, work = settings.drawn(seconds), Work()
        it = Comparison(clip.stem, work.filter, settings.slots)
        subjects = [Warm(work, tcp, "TCP"), Warm(work, unix, "AF_UNIX")]
        for subject in subjects:
            run_once(subject, clip, FIRST_CRF, settings.course.folder)
        compare(it, clip, subjects, settings.course)
        yield it
