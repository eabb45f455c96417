"""Jobs played through on slots of known speeds, under the real scheduler: what happens when, counted and not timed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from vidproc.model import Chunk
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

HEARTBEAT_S = 0.25


@dataclass
class Film:
    """`cost`: seconds of each chunk at speed 1, without its lead-in."""

    chunks: Sequence[Chunk]
    cost: Sequence[float]
    seeks: dict[int, int] = field(default_factory=dict)
    ended_at: float = 0.0


@dataclass
class Running:
    grant: ev.Grant
    begun: float
    seconds: float


class Simulation:
    """`submit` jobs, then `run`. `served` are the seconds of slots that each job has had, `results` how often each
    chunk was persisted. `checked`: look at the scheduler's invariants after each event, which takes long."""

    def __init__(self, policy: Policy, checked: bool = False, **daemons: Sequence[float]) -> None:
        self.checked = checked
        self.scheduler = Scheduler(policy, random.Random(0))
        self.lead_in_cost = policy.lead_in_cost
        self.speeds: dict[tuple[str, int], float] = {}
        self.films: dict[str, Film] = {}
        self.served: Counter[str] = Counter()
        self.results: Counter[tuple[str, int]] = Counter()
        self.begun: list[ev.Grant] = []
        self.second_runs = self.second_runs_won = self.withdrawn = 0
        self.now = 0.0
        self._queues: dict[tuple[str, int], list[ev.Grant]] = {}
        self._running: dict[tuple[str, int], Running] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        for name, speeds in daemons.items():
            self.join(name, speeds)

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time, next(self._order), action))

    def join(self, name: str, speeds: Sequence[float], allow_custom: bool = False) -> None:
        for slot, speed in enumerate(speeds):
            self.speeds[name, slot], self._queues[name, slot] = speed, []
        self._feed(ev.WorkerJoined(name, len(speeds), allow_custom=allow_custom))

    def submit(self, job: str, chunks: Sequence[Chunk], cost: Sequence[float], custom: bool = False) -> None:
        self.films[job] = Film(chunks, cost, {it.packets_start: it.start for it in reversed(chunks)})
        self._feed(ev.JobSubmitted(job, custom, in_flight=1024))
        self._feed(ev.ChunksPlanned(job, tuple(chunks), final=True))

    def lose(self, name: str, allow_custom: bool = False) -> None:
        """A daemon goes, and another as quick comes at once."""
        slots = [where for where in self.speeds if where[0] == name]
        for where in slots:
            self._stop(where)
            self._queues[where].clear()
        self._feed(ev.WorkerJoined(name, len(slots), allow_custom=allow_custom))

    def run(self, until: float = float("inf")) -> float:
        """Until nothing is left to do, or that time; when that was."""
        if not self._timers:
            self.at(self.now + HEARTBEAT_S, self._beat)
        while self._timers and self._timers[0][0] <= until and any(not film.ended_at for film in self.films.values()):
            self.now, _, action = heapq.heappop(self._timers)
            action()
        return self.now

    def _beat(self) -> None:
        for running in list(self._running.values()):
            film = self.films[running.grant.job]
            part = (self.now - running.begun) / running.seconds
            frames = int(film.chunks[running.grant.chunk].frames * part)
            self._feed(ev.ChunksProgressed({running.grant.lease: frames}))
        self.at(self.now + HEARTBEAT_S, self._beat)

    def _feed(self, event: ev.Event) -> None:
        for command in self.scheduler.handle(event, self.now):
            self._obey(command)
        if self.checked:
            self.scheduler.validate()

    def _obey(self, command: ev.Command) -> None:
        match command:
            case ev.Grant():
                self._queues[command.worker, command.slot].append(command)
                self.second_runs += command.second
                self._begin((command.worker, command.slot))
            case ev.Withdraw(lease):
                self._withdraw(lease)
            case ev.Persist(lease, job, chunk):
                self.results[job, chunk] += 1
                self.at(self.now, lambda: self._feed(ev.ChunkPersisted(lease)))
            case ev.Deliver(job, chunk):
                self.at(self.now, lambda: self._feed(ev.ChunkDelivered(job, chunk)))
            case ev.CompleteJob(job):
                self.films[job].ended_at = self.now
            case ev.WakeAt(time):
                self.at(time, lambda: self._feed(ev.Tick()))

    def _begin(self, where: tuple[str, int]) -> None:
        if where in self._running or not self._queues[where]:
            return
        grant = self._queues[where][0]
        running = Running(grant, self.now, self._seconds(grant) / self.speeds[where])
        self._running[where] = running
        self.begun.append(grant)
        self.at(self.now + running.seconds, lambda: self._finish(where, running))

    def _seconds(self, grant: ev.Grant) -> float:
        film = self.films[grant.job]
        chunk, cost = film.chunks[grant.chunk], film.cost[grant.chunk]
        lead_in = 0 if grant.continues else chunk.start - film.seeks[chunk.packets_start]
        return cost * (1 + self.lead_in_cost * lead_in / chunk.frames)

    def _finish(self, where: tuple[str, int], running: Running) -> None:
        if self._running.get(where) is running:
            self._stop(where)
            self._queues[where].pop(0)
            self._begin(where)
            self.second_runs_won += running.grant.second
            self._feed(ev.ChunkFinished(running.grant.lease))

    def _stop(self, where: tuple[str, int]) -> None:
        running = self._running.pop(where, None)
        if running is not None:
            self.served[running.grant.job] += self.now - running.begun

    def _withdraw(self, lease: int) -> None:
        self.withdrawn += 1
        for where, queue in self._queues.items():
            if queue and queue[0].lease == lease:
                self._stop(where)
            queue[:] = [grant for grant in queue if grant.lease != lease]
            self._begin(where)
