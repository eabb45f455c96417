"""One simulated cluster, from a seed: everything that happens in it follows from that number.

For a while faults fall as the weather has it; then all is well, a healthy daemon comes, and every job must come to its
end. After each event the scheduler's invariants and the world's books are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tests.simulation import orders
from tests.simulation.coordinator import Coordinator
from tests.simulation.daemon import Daemon, Hello
from tests.simulation.line import End, Line
from tests.simulation.nature import CALM, Nature, Witness
from tests.simulation.orders import Order
from tests.simulation.store import Store
from vidproc.scheduling import events as ev
from vidproc.scheduling.policies import Policy
from vidproc.scheduling.scheduler import Scheduler

BAD_WEATHER_S = 40.0
_LONGEST_S = 3600.0
_MOST_STEPS = 30_000
_CLIENT_PATIENCE_S = 1.0


class Stuck(AssertionError):
    """Nothing went wrong any more, and yet jobs did not end."""


class Cluster:
    def __init__(self, seed: int, scheduler: type[Scheduler] = Scheduler, witness: Witness | None = None) -> None:
        self.nature = Nature(seed, witness)
        self.store = Store(self.nature)
        self.steps = 0
        self.lives: list[Coordinator] = []
        self.daemons: list[Daemon] = []
        self.orders = list(self._orders())
        self._scheduler = scheduler
        self._coordinator: Coordinator | None = None
        self._lines: dict[Daemon, Line] = {}
        self._cut_off: dict[Daemon, float] = {}
        self._asked: dict[str, Coordinator] = {}

    def run(self) -> None:
        """Raises `AssertionError`, or whatever the scheduler raises, when something is not as it must be."""
        self.nature.tell(self.nature.weather)
        self._start()
        for order in self.orders:
            self.nature.clock.at(order.at, partial(self._press, order))
            if self.nature.happens(self.nature.weather.cancelled):
                self.nature.clock.at(order.at + self.nature.about(10.0), partial(self._cancel, order))
        for number in range(self.nature.rng.randint(1, 5)):
            self.nature.after(self.nature.about(3.0), partial(self._power_up, f"d{number}"))
        self.nature.now_and_then("crashes", self._crash)
        self.nature.clock.at(BAD_WEATHER_S, self._clear_up)
        self._go_on()

    @property
    def left(self) -> list[str]:
        """Who has not come to an end: jobs, and daemons that are to leave and still have a line."""
        jobs = [it.job for it in self.orders if it.job not in self.store.ends]
        return jobs + [it.hello.name for it in self.daemons if it.draining and it.end is not None]

    def _go_on(self) -> None:
        clock = self.nature.clock
        while self.nature.weather is not CALM or self.left:
            if self.steps > _MOST_STEPS or clock.now > _LONGEST_S:
                raise Stuck(f"{', '.join(self.left)} did not end in {self.steps} steps and {clock.now:.0f} s")
            clock.step()
            self.steps += 1

    def _orders(self) -> Iterator[Order]:
        rng = self.nature.rng
        for number in range(rng.randint(1, 6)):
            yield orders.drawn(f"j{number}", rng.uniform(0.0, BAD_WEATHER_S / 4), rng)

    # The coordinator, and its clients

    def _start(self) -> None:
        scheduler = self._scheduler(Policy(), self.nature.rng, leases_from=int(self.nature.now * 1e6))
        self._coordinator = Coordinator(scheduler, self.nature, self.store)
        self.lives.append(self._coordinator)

    def _crash(self) -> None:
        if self._coordinator is not None:
            self.nature.tell("the coordinator is killed")
            self._coordinator.crash()
            self._coordinator = None
            self.store.crash()
            for line in list(self._lines.values()):
                line.near.leave() if self.nature.happens(0.7) else line.cut()
            self.nature.after(self.nature.about(2.0), self._start)

    def _press(self, order: Order) -> None:
        """A client asks until its job is accepted, whichever life of the coordinator does it."""
        if order.job in self.store.orders:
            return
        asked = self._asked.get(order.job)
        if self._coordinator is not None and (asked is None or not asked.alive):
            self._asked[order.job] = self._coordinator
            self._coordinator.submit(order, refused=partial(self._asked.pop, order.job))
        self.nature.after(_CLIENT_PATIENCE_S, partial(self._press, order))

    def _cancel(self, order: Order) -> None:
        if self._coordinator is not None:
            self._coordinator.cancel(order.job)

    # Daemons

    def _power_up(self, name: str, healthy: bool = False) -> None:
        rng = self.nature.rng
        hello = Hello(name, 2, True) if healthy else Hello(name, rng.randint(1, 3), rng.random() < 0.5)
        daemon = Daemon(hello, self.nature, self._connect)
        self.daemons.append(daemon)
        daemon.dial()
        if not healthy:
            self._expose(daemon)

    def _expose(self, daemon: Daemon) -> None:
        faults: dict[str, Callable[[Daemon], None]] = {
            "cuts": self._cut,
            "partitions": self._part,
            "deaths": self._kill,
            "drains": self._drain,
            "limits": self._limit,
        }
        for fault, strike in faults.items():
            self.nature.now_and_then(fault, partial(self._strike, daemon, strike))

    def _strike(self, daemon: Daemon, strike: Callable[[Daemon], None]) -> None:
        if not daemon.dead:
            self.nature.tell(f"{daemon.hello.name}: {strike.__name__}")
            strike(daemon)

    def _connect(self, daemon: Daemon) -> End | None:
        if self._coordinator is None or self._cut_off.get(daemon, 0.0) > self.nature.now:
            return None
        line = self._lines[daemon] = Line(self.nature)
        self._coordinator.greet(line.near)
        return line.far

    def _cut(self, daemon: Daemon) -> None:
        if daemon.end is not None:
            self._lines[daemon].cut()

    def _part(self, daemon: Daemon) -> None:
        seconds = self.nature.about(6.0)
        self._cut_off[daemon] = self.nature.now + seconds
        if daemon.end is not None:
            self._lines[daemon].hold(seconds)

    def _kill(self, daemon: Daemon) -> None:
        """Another of its name may come at once, or later, or never."""
        self._cut(daemon)
        daemon.die()
        if self.nature.happens(0.7):
            self.nature.after(self.nature.about(3.0), partial(self._power_up, daemon.hello.name))

    def _drain(self, daemon: Daemon) -> None:
        daemon.drain()

    def _limit(self, daemon: Daemon) -> None:
        if daemon.end is not None:
            daemon.end.send(ev.WorkerLimited(daemon.hello.name, self.nature.rng.choice([0.0, 5.0, 200.0])))

    # The end

    def _clear_up(self) -> None:
        self.nature.tell("all is well from here on")
        self.nature.weather = CALM
        self._power_up("healthy", healthy=True)
