"""How fast one core is while all of them work: what cores that share caches, memory and heat can do at most. Where
this is below 1, so is the most that anything can reach of the floor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.comparison import FIRST_CRF, Spread
from benchmarks.page import Section, Table, spread
from benchmarks.settings import Settings
from benchmarks.usage import ROOT
from benchmarks.work import Work


def measure(settings: Settings) -> Section:
    clip = settings.drawn(settings.seconds[1])
    rows = [["clip", "filter", "speed of a core, of when it is alone"]]
    found = {name: _crowded(clip, Work(name), settings) for name in settings.filters or ("blur",)}
    rows += [[clip.stem, name, spread(Spread.of(ratios), 3)] for name, ratios in found.items()]
    return Section("crowd", settings.plain(), tables=[Table("All cores busy with the floor", rows)], data=found)


def _crowded(clip: Path, work: Work, settings: Settings) -> list[float]:
    ratios = []
    for number in range(settings.course.rounds):
        settings.course.tell(f"{clip.stem}, {work.filter}: the floor on all cores, round {number + 1}")
        (alone,) = _floors(clip, work, settings.course.folder, 1)
        together = _floors(clip, work, settings.course.folder, settings.slots)
        ratios.append(alone / (sum(together) / len(together)))
    return ratios


def _floors(clip: Path, work: Work, folder: Path, copies: int) -> list[float]:
    """The seconds of so many at the same time. Raises `subprocess.CalledProcessError`."""
    commands = [_command(clip, work, folder / f"floor-{number}.mp4") for number in range(copies)]
    running = [subprocess.Popen(each, cwd=ROOT, stdout=subprocess.PIPE) for each in commands]
    said = [process.communicate()[0] for process in running]
    for process in running:
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return [sum(json.loads(text)[part] for part in ("decode", "filter", "encode")) for text in said]


def _command(clip: Path, work: Work, out: Path) -> Sequence[str]:
    return [sys.executable, "-m", "benchmarks.floor", *work.for_script(clip, FIRST_CRF, out)]
