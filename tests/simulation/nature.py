"""Time, chance and weather, of which everything in a simulation has a share."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields

from tests.simulation.clock import Clock

FRAME_TIMEOUT_S = 30.0
"""After which a daemon gives up a slot that stands still."""
SILENCE_S = 8.0
"""After which an end of a connection gives up the other."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong, and how often. CALM: nothing does.

    A second, at each daemon: cuts of its connection, partitions from the coordinator, deaths of the daemon, drains,
    changes of its rate limit. Crashes of the coordinator, a second. The part of all chunks whose filter raises, whose
    slot dies, hangs, is killed for want of memory, is slow, or leaves its decoder closed. The part of all results that
    are sent twice, and of all lost connections after which a daemon goes on as if nothing had been. The part of all
    writes that fail, and of all jobs that are cancelled.
    """

    cuts: float = 0.0
    partitions: float = 0.0
    deaths: float = 0.0
    drains: float = 0.0
    limits: float = 0.0
    crashes: float = 0.0
    raising: float = 0.0
    dying: float = 0.0
    hanging: float = 0.0
    starving: float = 0.0
    slow: float = 0.0
    closed: float = 0.0
    twice: float = 0.0
    stubborn: float = 0.0
    unwritten: float = 0.0
    cancelled: float = 0.0

    @staticmethod
    def drawn(rng: random.Random) -> Weather:
        """About half of all faults, each seldom or often: together they hide from one another.

        Groce et al., "Swarm Testing", ISSTA 2012.
        """
        return Weather(**{it.name: _rate(it.name, rng) for it in fields(Weather) if rng.random() < 0.5})


_MOST = {"crashes": 0.1, "hanging": 0.05, "unwritten": 0.1, "cuts": 0.1, "partitions": 0.1, "deaths": 0.1}
_MOST |= {"drains": 0.05, "dying": 0.2, "raising": 0.2, "stubborn": 1.0, "limits": 0.1}


def _rate(fault: str, rng: random.Random) -> float:
    return _MOST.get(fault, 0.3) * 10 ** rng.uniform(-1.0, 0.0)


CALM = Weather()


Witness = Callable[[float, object], None]
"""Is told what happens, and when."""


class Nature:
    """`latency` and `writing` are the mean seconds of a message's way and of a write; `weather` changes once, for good,
    to `CALM`. `witness`, if there is one, is told all."""

    def __init__(self, seed: int, witness: Witness | None = None) -> None:
        self._witness = witness
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.weather = Weather.drawn(self.rng)
        self.latency = 10 ** self.rng.uniform(-4.0, -0.3)
        self.writing = 10 ** self.rng.uniform(-4.0, -0.3)

    @property
    def now(self) -> float:
        return self.clock.now

    def tell(self, what: object) -> None:
        if self._witness is not None:
            self._witness(self.now, what)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.clock.at(self.now + seconds, action)

    def about(self, seconds: float) -> float:
        """Seconds with this mean, exponentially distributed."""
        return self.rng.expovariate(1 / seconds)

    def happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def now_and_then(self, fault: str, action: Callable[[], None]) -> None:
        """As often as the weather has it, until it is calm."""
        if rate := getattr(self.weather, fault):
            self.after(self.about(1 / rate), lambda: self._once_more(fault, action))

    def _once_more(self, fault: str, action: Callable[[], None]) -> None:
        if self.weather is not CALM:
            action()
            self.now_and_then(fault, action)
