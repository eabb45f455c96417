"""One, two, four and eight worker daemons on this machine.

They share its cores, so they can't be faster than one; what is measured is what more of them cost. Beyond as many
daemons as there are cores each still has a process, and the processes take turns on the cores.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict

from benchmarks import tables
from benchmarks.comparison import FIRST_CRF, Comparison, compare, run_once
from benchmarks.page import Section
from benchmarks.settings import Settings
from benchmarks.subjects import Warm
from benchmarks.work import Work

_COUNTS = (1, 2, 4, 8)


def measure(settings: Settings) -> Section:
    clip, work = settings.drawn(settings.seconds[1]), Work()
    it = Comparison(clip.stem, work.filter, settings.slots)
    with contextlib.ExitStack() as stack:
        clusters = [stack.enter_context(settings.warm(daemons=count)) for count in _COUNTS]
        subjects = [
            Warm(work, cluster, f"{count} daemon{'s' * (count > 1)}, {cluster.slots} processes")
            for count, cluster in zip(_COUNTS, clusters, strict=True)
        ]
        for subject in subjects:
            run_once(subject, clip, FIRST_CRF, settings.course.folder)
        compare(it, clip, subjects, settings.course)
    made = [tables.side_by_side("Daemons on one machine", it)]
    return Section("daemons", settings.plain(), tables.uneven([it]), tables=made, data=asdict(it))
