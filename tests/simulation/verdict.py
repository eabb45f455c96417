"""What became of a seed."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from tests.simulation.cluster import Cluster
from tests.simulation.nature import Witness
from vidproc.scheduling.scheduler import Scheduler

REPLAY = 'make simulate ARGS="--seed {} --trace"'


@dataclass(frozen=True, slots=True)
class Verdict:
    """`failure` is a traceback, empty if all was well. `steps`: how many things happened, in so many `seconds` of the
    cluster's time. `lives`: of the coordinator."""

    seed: int
    failure: str
    steps: int
    seconds: float
    lives: int

    def __str__(self) -> str:
        said = f"seed {self.seed}: {self.steps} steps, {self.seconds:.0f} s, {self.lives} lives of the coordinator"
        return f"{self.failure}{said}: failed\n{REPLAY.format(self.seed)}" if self.failure else f"{said}: all is well"


def judged(seed: int, scheduler: type[Scheduler] = Scheduler, witness: Witness | None = None) -> Verdict:
    """Play it to its end, or to the first thing that is not as it must be."""
    cluster, failure = Cluster(seed, scheduler, witness), ""
    try:
        cluster.run()
    except Exception:  # whatever the scheduler raises is a failure as well
        failure = traceback.format_exc()
    return Verdict(seed, failure, cluster.steps, cluster.nature.now, len(cluster.lives))
