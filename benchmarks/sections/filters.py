"""What each filter takes, beside plain OpenCV; see `benchmarks.filter_costs`."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.comparison import Spread
from benchmarks.page import Section, Table, goal, number
from benchmarks.settings import Settings
from benchmarks.usage import run

_AT_MOST = 1.05
_SECONDS_A_ROUND = 1.0


def measure(settings: Settings) -> Section:
    clip = settings.drawn(1)
    settings.course.tell("filters beside plain OpenCV")
    seconds = str(_SECONDS_A_ROUND * settings.course.rounds)
    said = run([sys.executable, "-m", "benchmarks.filter_costs", str(clip.absolute()), "--seconds", seconds]).said
    costs = [json.loads(line) for line in said.splitlines()]
    head = ["filter", "ms a frame", "plain OpenCV", "ratio", "middle half", "same result"]
    dearest = max(costs, key=lambda cost: float(cost["ratio"]))
    what = f"a filter's CPU time, {settings.height}p, times plain OpenCV's: the dearest is {dearest['filter']}"
    return Section(
        "filters",
        settings.plain(),
        goals=[goal(what, _AT_MOST, Spread(dearest["ratio"], *dearest["middle"]), at_most=True)],
        tables=[Table("Filters beside plain OpenCV, CPU time on one core", [head, *map(_row, costs)])],
        data=costs,
    )


def _row(cost: dict[str, Any]) -> list[str]:
    low, high = cost["middle"]
    figures = (number(cost[what], 3) for what in ("ours_ms", "plain_ms", "ratio"))
    return [cost["filter"], *figures, f"{low:.3f}-{high:.3f}", "yes" if cost["same"] else "no"]
