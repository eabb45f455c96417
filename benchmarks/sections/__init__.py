"""The parts of a measurement. Each can be measured alone, and says all that it found in a `Section`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchmarks.page import Section
from benchmarks.sections import (
    cold,
    crowd,
    daemons,
    films,
    filters,
    heights,
    load,
    processes,
    second,
    short,
    transports,
    viewers,
)
from benchmarks.settings import Settings

Measure = Callable[[Settings], Section]

SECTIONS: Mapping[str, Measure] = MappingProxyType(
    {
        "films": films.measure,
        "short": short.measure,
        "second": second.measure,
        "processes": processes.measure,
        "filters": filters.measure,
        "cold": cold.measure,
        "transports": transports.measure,
        "daemons": daemons.measure,
        "heights": heights.measure,
        "crowd": crowd.measure,
        "load": load.measure,
        "viewers": viewers.measure,
    }
)
"""In the order of the page."""

WITH_GOALS = ("films", "short", "second", "processes", "filters")
