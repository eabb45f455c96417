"""What it costs to be looked at: four jobs at once, with twenty viewers and with none, in turns.

Processor time counts, so other programs disturb it little; the viewers' own is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.comparison import FIRST_CRF, Spread
from benchmarks.page import Section, Table, goal, number, spread
from benchmarks.settings import Settings
from benchmarks.usage import cpu_seconds, turns
from benchmarks.viewing import Pages
from vidproc.client import remote
from vidproc.client.endpoint import Endpoint
from vidproc.model import FilterSpec, JobSpec
from vidproc.tasks import ended

_AIM = 1.10


@dataclass(frozen=True, slots=True)
class Crowd:
    """Jobs at once; of each job so many viewers of its page and of its moving picture, and so many of the cluster."""

    jobs: int = 4
    of_job: int = 2
    of_picture: int = 1
    of_cluster: int = 8

    @property
    def viewers(self) -> int:
        return self.jobs * (self.of_job + self.of_picture) + self.of_cluster


CROWD = Crowd()


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time: the coordinator's own process, and that with its children, which read, write and show
    films. `received`: MB that the viewers were sent."""

    own: float
    family: float
    seconds: float
    received: float = 0.0


@dataclass(slots=True)
class Found:
    alone: list[Cost] = field(default_factory=list)
    watched: list[Cost] = field(default_factory=list)


def measure(settings: Settings) -> Section:
    film = settings.drawn(settings.seconds[1])
    with settings.warm() as cluster:
        course = _Course(Pages(cluster.pages), Endpoint(cluster.address), cluster.pids[0], film, settings)
        found = asyncio.run(course.run())
    times = Spread.of([watched.own / alone.own for alone, watched in zip(found.alone, found.watched, strict=True)])
    said = f"the coordinator's processor time with {CROWD.viewers} viewers of {CROWD.jobs} jobs, times that with none"
    goals = [goal(said, _AIM, times, at_most=True)]
    return Section("viewers", settings.plain(), goals=goals, tables=[_table(found)], data=_plain(found))


class _Course:
    """Rounds, each with viewers and without, by turns first with the one and with the other."""

    def __init__(self, pages: Pages, endpoint: Endpoint, pid: int, film: Path, settings: Settings) -> None:
        self._pages, self._endpoint, self._film, self._settings = pages, endpoint, film, settings
        self._coordinator = psutil.Process(pid)

    async def run(self) -> Found:
        found = Found()
        await self._cost(FIRST_CRF, watched=True)  # the film is sent, and all is imported
        for round in range(self._settings.course.rounds):
            for watched in (round % 2 == 0, round % 2 == 1):
                self._settings.course.tell(f"viewers: round {round + 1}, {'watched' if watched else 'alone'}")
                into = found.watched if watched else found.alone
                into.append(await self._cost(FIRST_CRF + round, watched))
        return found

    async def _cost(self, crf: int, watched: bool) -> Cost:
        before, received = self._spent(), self._pages.received
        watching = asyncio.create_task(self._watch()) if watched else None
        await asyncio.gather(*(self._job(crf, f"{job}") for job in range(CROWD.jobs)))
        own, family, seconds = (new - old for new, old in zip(self._spent(), before, strict=True))
        if watching is not None:
            if watching.done():  # it was to go on
                watching.result()
            await ended(watching)
        return Cost(own, family, seconds, (self._pages.received - received) / 2**20)

    def _spent(self) -> tuple[float, float, float]:
        family = cpu_seconds(self._coordinator)
        return turns(self._coordinator.pid)[0], family, asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        of_cluster = ["/api/v1/events" for _ in range(CROWD.of_cluster)]
        await asyncio.gather(self._watch_jobs(), *map(self._pages.watch, of_cluster))

    async def _watch_jobs(self) -> None:
        jobs = await self._pages.jobs(CROWD.jobs)
        paths = [f"/api/v1/jobs/{job}/events" for job in jobs for _ in range(CROWD.of_job)]
        paths += [f"/preview.mjpeg?job={job}" for job in jobs for _ in range(CROWD.of_picture)]
        await asyncio.gather(*map(self._pages.watch, paths))

    async def _job(self, crf: int, name: str) -> None:
        out = self._settings.course.folder / f"viewers-{name}.mp4"
        spec = JobSpec((FilterSpec("blur"),), crf=float(crf))
        await remote.process(self._endpoint, spec, str(self._film), str(out), False, lambda _: None)
        out.unlink()


def _table(found: Found) -> Table:
    head = [f"{CROWD.jobs} jobs", "own process, s", "with its children, s", "wall, s", "sent to viewers, MB"]
    rows = {"nobody looks": found.alone, f"{CROWD.viewers} viewers": found.watched}
    return Table("Processor time of the coordinator", [head, *([name, *_row(costs)] for name, costs in rows.items())])


def _row(costs: list[Cost]) -> list[str]:
    own, family = Spread.of([it.own for it in costs]), Spread.of([it.family for it in costs])
    wall, sent = median(it.seconds for it in costs), median(it.received for it in costs)
    return [spread(own, 2), spread(family, 2), number(wall, 1), number(sent, 1)]


def _plain(found: Found) -> dict[str, Any]:
    return {**asdict(found), "crowd": asdict(CROWD)}
