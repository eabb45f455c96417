"""Many at once: idle connections, clients with small jobs, and a burst of connections, while somebody asks how soon the
coordinator answers. Aimed at: no error, an answer within 100 ms, and memory that is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from benchmarks.clips import Recipe, drawn
from benchmarks.cluster import Cluster
from benchmarks.page import Goal, Section, Table, number
from benchmarks.settings import Settings
from benchmarks.usage import ROOT, turns
from vidproc.client import remote
from vidproc.client.endpoint import Endpoint
from vidproc.errors import ConnectionLostError, UnreachableError, VidprocError
from vidproc.model import FilterSpec, JobSpec
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

_LOOK_S = 0.05
_DIALS_AT_ONCE = 50
_FILMS = 8
_CLEAN = ("served", "refused with a reason", "closed at once")


@dataclass(frozen=True, slots=True)
class Load:
    """So many idle connections, clients, jobs among all clients, daemons, and connections at once."""

    idle: int = 500
    clients: int = 50
    jobs: int = 200
    daemons: int = 4
    burst: int = 2000


LOAD = Load()


@dataclass(frozen=True, slots=True)
class Answers:
    """How soon they came, in milliseconds."""

    count: int
    p50: float
    p99: float
    most: float

    @staticmethod
    def of(seconds: Sequence[float]) -> Answers:
        hundredths = quantiles(seconds, n=100, method="inclusive")
        return Answers(len(seconds), 1e3 * hundredths[49], 1e3 * hundredths[98], 1e3 * max(seconds))


@dataclass(slots=True)
class Found:
    """Memory is the coordinator's own in MB, its children's left out. `burst`: what became of the connections of the
    burst. `hashes`: of all results, by film. While there were jobs the coordinator's loop was at work for `worked`
    seconds, and for `waited` seconds could have been but had no processor."""

    memory: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Answers] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    hashes: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0
    worked: float = 0.0
    waited: float = 0.0
    burst: dict[str, int] = field(default_factory=dict)


def measure(settings: Settings) -> Section:
    sizes = [Recipe(0.4 + 0.2 * n, 320, 180) for n in range(_FILMS)]
    films = [drawn(each, settings.clips) for each in sizes]
    with settings.warm(daemons=LOAD.daemons) as cluster:
        found = asyncio.run(_Course(cluster, films, settings).run())
    return Section("load", settings.plain(), goals=_goals(found), tables=_tables(found), data=_plain(found))


class _Course:
    """From the first connection to the last."""

    def __init__(self, cluster: Cluster, films: Sequence[Path], settings: Settings) -> None:
        self._cluster = cluster
        self._endpoint = Endpoint(cluster.address)
        self._films = films
        self._settings = settings
        self._coordinator = psutil.Process(cluster.pids[0])
        self._found = Found()

    async def run(self) -> Found:
        self._note_memory("before")
        async with contextlib.AsyncExitStack() as stack:
            self._tell(f"{LOAD.idle} idle connections")
            await self._dial(LOAD.idle, stack)
            self._note_memory("with the idle connections")
            self._tell(f"{LOAD.clients} clients with {LOAD.jobs} jobs")
            async with self._watched("with the jobs"):
                await self._all_jobs()
        async with self._watched("in the burst"):
            self._tell(f"{LOAD.burst} connections at once")
            await self._burst()
        self._note_memory("afterwards")
        return self._found

    def _tell(self, what: str) -> None:
        self._settings.course.tell(f"load: {what}")

    def _memory(self) -> float:
        return float(self._coordinator.memory_info().rss / 2**20)

    def _note_memory(self, when: str) -> None:
        self._found.memory[when] = max(self._found.memory.get(when, 0.0), self._memory())

    @contextlib.asynccontextmanager
    async def _watched(self, when: str) -> AsyncIterator[None]:
        """Meanwhile the highest memory is noted, and how soon the coordinator answers."""
        command = [sys.executable, "-m", "benchmarks.probe", str(self._cluster.address)]
        pipe = asyncio.subprocess.PIPE
        probe = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
        assert probe.stdout is not None
        await probe.stdout.readline()
        looking = asyncio.create_task(self._look(when))
        try:
            yield
        finally:
            looking.cancel()
            said, _ = await probe.communicate(b"")  # its input ends here
        if probe.returncode:
            self._found.errors.append(f"nobody answered {when}")
        else:
            self._found.answers[when] = Answers.of(json.loads(said))

    async def _look(self, when: str) -> None:
        while True:
            self._note_memory(when)
            await asyncio.sleep(_LOOK_S)

    # Idle connections, and many at once

    async def _dial(self, count: int, stack: contextlib.AsyncExitStack) -> None:
        """Some at a time; each stays until the stack is left, and hears no more than pings."""
        for begun in range(0, count, _DIALS_AT_ONCE):
            dials = [self._connect() for _ in range(min(_DIALS_AT_ONCE, count - begun))]
            for session in await asyncio.gather(*dials):
                stack.push_async_callback(session.close)

    async def _connect(self) -> Session:
        return await connect(self._cluster.address, self._endpoint.party())

    async def _burst(self) -> None:
        """All at once, and none leaves before each has an answer."""
        served: list[Session] = []

        async def fate() -> str:
            try:
                served.append(await self._connect())
            except UnreachableError:
                return "refused with a reason"
            except ConnectionLostError:
                return "closed at once"
            except VidprocError as error:
                return str(error)
            return "served"

        fates = await asyncio.gather(*(fate() for _ in range(LOAD.burst)))
        self._found.burst = dict(Counter(fates).most_common())
        await asyncio.gather(*(session.close() for session in served))

    # Jobs

    async def _all_jobs(self) -> None:
        began, before = time.monotonic(), turns(self._coordinator.pid)
        left = iter(range(LOAD.jobs))
        await asyncio.gather(*(self._client(left) for _ in range(LOAD.clients)))
        after, found = turns(self._coordinator.pid), self._found
        found.seconds = time.monotonic() - began
        found.worked, found.waited = (new - old for new, old in zip(after, before, strict=True))

    async def _client(self, left: Iterator[int]) -> None:
        """One job after the other, until none is left."""
        for job in left:
            film, out = self._films[job % len(self._films)], self._settings.course.folder / f"load-{job}.mp4"
            spec = JobSpec((FilterSpec("blur"),))
            try:
                await remote.process(self._endpoint, spec, str(film), str(out), False, lambda _: None)
                self._found.hashes.setdefault(film.stem, []).append(hashlib.sha256(out.read_bytes()).hexdigest())
            except VidprocError as error:
                self._found.errors.append(str(error))
            finally:
                out.unlink(missing_ok=True)


# What is said of it


def _goals(found: Found) -> list[Goal]:
    other = sum(count for fate, count in found.burst.items() if fate not in _CLEAN)
    unlike = sum(len(set(hashes)) - 1 for hashes in found.hashes.values())
    return [
        Goal(f"{LOAD.jobs} jobs of {LOAD.clients} clients: errors", 0, float(len(found.errors)), at_most=True),
        Goal("results of equal jobs that differ", 0, float(unlike), at_most=True),
        *(
            Goal(f"control messages {when}: ms to the answer, p99", 100, it.p99, at_most=True)
            for when, it in found.answers.items()
        ),
        Goal(f"{LOAD.burst} connections at once: neither served nor refused", 0, float(other), at_most=True),
    ]


def _tables(found: Found) -> list[Table]:
    per_connection = 1024 * (found.memory["with the idle connections"] - found.memory["before"]) / max(1, LOAD.idle)
    memory = [["the coordinator", "MB"], *([when, number(mb, 1)] for when, mb in found.memory.items())]
    memory.append(["an idle connection, in KB", number(per_connection, 1)])
    fates = [[f"of {LOAD.burst} connections at once", ""], *([fate, str(it)] for fate, it in found.burst.items())]
    jobs = [["jobs", "seconds", "jobs/s", "the loop worked, s", "and waited for a processor, s"]]
    jobs += [[str(LOAD.jobs), *(number(it, 1) for it in (found.seconds, _rate(found), found.worked, found.waited))]]
    answers = [["milliseconds to the answer", "answers", "p50", "p99", "most"]]
    answers += [[when, *_row(it)] for when, it in found.answers.items()]
    return [
        Table("Small jobs", jobs),
        Table("Control messages", answers),
        Table("Memory of the coordinator's own process", memory),
        Table("A burst", fates),
    ]


def _row(it: Answers) -> list[str]:
    return [str(it.count), *(number(ms, 1) for ms in (it.p50, it.p99, it.most))]


def _rate(found: Found) -> float:
    return LOAD.jobs / found.seconds


def _plain(found: Found) -> dict[str, Any]:
    return {**asdict(found), "load": asdict(LOAD)}
