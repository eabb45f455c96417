"""One life of a coordinator: the shell around the scheduler, as small as it can be.

What daemons, clients, the disk and the clock say become events; commands become messages and writes. It believes the
scheduler in everything, and passes on to it whatever anybody says of whichever lease: the fence is the scheduler's.
The books of `tests.scheduling.world` are kept beside, and look at each command.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.scheduling.world import World
from tests.simulation.daemon import Draining, Hello, Lease, Result
from tests.simulation.line import End
from tests.simulation.nature import Nature
from tests.simulation.orders import Made, Order, Work
from tests.simulation.shares import Shares
from tests.simulation.store import Store
from vidproc.errors import CannotContinueError
from vidproc.scheduling import events as ev
from vidproc.scheduling.scheduler import Scheduler

_MUXING_S = 0.01


class Books(World):
    """The world's books by the clock of a simulation; `obey` takes the commands."""

    def __init__(self, scheduler: Scheduler, nature: Nature, obey: Callable[[list[ev.Command]], None]):
        super().__init__(scheduler)
        self._nature = nature
        self._obey = obey
        self._shares = Shares(self)

    def send(self, event: ev.Event) -> list[ev.Command]:
        self.now = self._nature.now
        self._nature.tell(event)
        commands = super().send(event)
        self.auditor.check_not_lazy()
        self._shares.look()
        self._obey(commands)
        return commands

    def take(self, command: ev.Command) -> None:
        self._nature.tell(command)
        super().take(command)


class Coordinator:
    """From its start, which recovers what the store has, to its `crash`."""

    def __init__(self, scheduler: Scheduler, nature: Nature, store: Store) -> None:
        self.books = Books(scheduler, nature, self._obey_all)
        self.muxed: dict[str, list[Made]] = {}
        self.alive = True
        self._nature = nature
        self._store = store
        self._lines: dict[str, End] = {}
        self._arrived: dict[int, Made] = {}
        self._sent: dict[int, Lease] = {}
        self._alarm: object = None
        self._slots_may_die = bool(nature.weather.dying or nature.weather.hanging or nature.weather.starving)
        for job, order in store.orders.items():
            if job not in store.ends:
                self._begin(order)

    def crash(self) -> None:
        self.alive = False

    # Clients

    def submit(self, order: Order, refused: Callable[[], object]) -> None:
        """It is accepted, and begins, when it is on disk."""
        keep = partial(self._store.orders.__setitem__, order.job, order)
        self._store.write(keep, partial(self._begin, order), refused)

    def cancel(self, job: str) -> None:
        film = self.books.films.get(job)
        if film is not None and not film.end:
            self.books.cancel(job)
            self._end(job)

    def _begin(self, order: Order) -> None:
        self.muxed[order.job] = []
        self._store.results.setdefault(order.job, {})
        self.books.submit(order.job, order.custom, order.in_flight, order.stage, order.isolates)
        self._plan(order, 0)

    def _plan(self, order: Order, part: int) -> None:
        """This part of its chunks, and a while later the next one."""
        if not self.alive:
            return
        known, until = (0, *order.parts)[part : part + 2]
        final = part + 1 == len(order.parts)
        chunks, held = order.chunks[known:until], self._store.results[order.job]
        kept = frozenset(it.index for it in chunks if it.start in held and order.stage is None)
        self.books.plan_chunks(order.job, chunks, final, kept)
        if not final:
            self._nature.after(self._nature.about(1.0), partial(self._plan, order, part + 1))

    def _end(self, job: str) -> None:
        """What became of it is on disk for good before anybody hears of it."""
        end = self.books.films[job].end
        keep = partial(self._store.ends.__setitem__, job, end)
        self._store.surely(keep, partial(self._nature.tell, f"{job} is {end}"))

    # Daemons

    def greet(self, near: End) -> None:
        """A new line."""
        near.receive = partial(self._say_hello, near)
        near.closed = lambda: None

    def _say_hello(self, near: End, hello: object) -> None:
        if not self.alive:
            return
        assert isinstance(hello, Hello)
        name = hello.name
        while name in self._lines and self._nature.happens(0.5):  # else it takes its own place
            name += "'"
        self._lines[name] = near
        near.receive, near.closed = partial(self._hear, name), partial(self._line_lost, name, near)
        self.books.join(name, hello.slots, hello.allow_custom)

    def _line_lost(self, name: str, near: End) -> None:
        if self.alive and self._lines.get(name) is near:
            del self._lines[name]
            self.books.lose(name)

    def _hear(self, name: str, message: object) -> None:
        if not self.alive:
            return
        match message:
            case Result(lease, made, can_continue):
                self._arrived.setdefault(lease, made)
                self.books.finish(lease, can_continue)
            case ev.ChunkFailed(lease, CannotContinueError.code):
                self.books.refuse(lease)
            case ev.ChunkFailed(lease, code, _, retryable, frame, slot_lost, call):
                self.books.fail(lease, retryable, slot_lost, frame, call, code)
            case ev.ChunksProgressed():
                self.books.send(message)
            case ev.WorkerLimited(_, rate):
                self.books.limit(name, rate)
            case Draining():
                self.books.drain(name)

    # Commands

    def _obey_all(self, commands: list[ev.Command]) -> None:
        self._alarm = None
        for command in commands:
            self._obey(command)

    def _obey(self, command: ev.Command) -> None:
        match command:
            case ev.Grant():
                self._grant(command)
            case ev.Withdraw(lease, worker):
                self._post(worker, command)
            case ev.Persist(lease):
                self._persist(lease)
            case ev.Discard(lease):
                self._discard(lease)
            case ev.Acknowledge(lease, worker):
                made = self._arrived.pop(lease)
                assert self._is_kept(made), "acknowledged before it is on disk"
                self._post(worker, command)
            case ev.Deliver(job, chunk):
                self._deliver(job, chunk)
            case ev.CompleteJob(job):
                self._check_film(job)
                self._end(job)
            case ev.FailJob(job):
                self._end(job)
            case ev.WakeAt(time):
                self._wake_at(time)

    def _post(self, worker: str, message: object) -> None:
        if line := self._lines.get(worker):
            line.send(message)

    def _grant(self, grant: ev.Grant) -> None:
        order = self._store.orders[grant.job]
        self._sent[grant.lease] = Lease(grant, order, self.books.films[grant.job].chunks[grant.chunk])
        self._post(grant.worker, self._sent[grant.lease])

    def _persist(self, lease: int) -> None:
        made, sent = self._arrived[lease], self._sent[lease]
        assert made.work == sent.work, f"{made.work} would be kept as {sent.work}"

        def failed() -> None:
            self._post(sent.grant.worker, ev.Withdraw(lease, sent.grant.worker))
            self._arrived.pop(lease, None)
            self.books.fail(lease)

        self._store.write(partial(self._keep, made), partial(self.books.persist, lease), failed)

    def _keep(self, made: Made) -> None:
        if not made.work.stage:
            self._store.results[made.work.job][made.work.start] = made

    def _is_kept(self, made: Made) -> bool:
        return made.work.stage or made.work.start in self._store.results[made.work.job]

    def _discard(self, lease: int) -> None:
        """Its daemon waits to hear of it."""
        self._arrived.pop(lease, None)
        if sent := self._sent.get(lease):
            self._post(sent.grant.worker, ev.Withdraw(lease, sent.grant.worker))

    def _deliver(self, job: str, chunk: int) -> None:
        self._nature.after(self._nature.about(_MUXING_S), partial(self._mux, job, chunk))

    def _mux(self, job: str, chunk: int) -> None:
        film = self.books.films[job]
        if self.alive and not film.end:
            self.muxed[job].append(self._store.results[job][film.chunks[chunk].start])
            self.books.deliver(job)

    def _check_film(self, job: str) -> None:
        """All of it is there once and in order, and what fell back had to."""
        order, made = self._store.orders[job], self.muxed[job]
        assert [it.work for it in made] == [Work(job, False, it.start, it.stop) for it in order.chunks]
        fallen = {rank for it in made for rank in it.fallen}
        assert fallen >= order.poison.keys(), "a frame that nobody can do was done"
        assert fallen == order.poison.keys() or self._slots_may_die, "a frame fell back that is as good as others"

    def _wake_at(self, time: float) -> None:
        alarm = self._alarm = object()

        def wake() -> None:
            if self.alive and self._alarm is alarm:
                self.books.pass_time(0.0)

        self._nature.clock.at(time, wake)
