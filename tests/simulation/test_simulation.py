"""Clusters with faults, by seeds (see `cluster`): all come through, and a fault planted in the scheduler is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest

from tests.scheduling import mutants
from tests.simulation.cluster import Cluster
from tests.simulation.verdict import judged
from vidproc.scheduling import events as ev
from vidproc.scheduling.scheduler import Scheduler

pytestmark = pytest.mark.unit

SEEDS, QUICK, BLOCK = 300, 100, 25
SOON = 1000
RARE = {mutants.Partial, mutants.Renumbering}
"""Found in one seed of fifty, or of two hundred."""
PLANTED = [it for it in vars(mutants).values() if isinstance(it, type) and issubclass(it, Scheduler)]
PLANTED = [it for it in PLANTED if it.__module__ == mutants.__name__ and it is not mutants.Deaf]


def slow(param: object, when: bool) -> object:
    return pytest.param(param, marks=pytest.mark.long) if when else param


@pytest.mark.parametrize("first", [slow(first, first >= QUICK) for first in range(0, SEEDS, BLOCK)])
def test_clusters_come_through_their_faults(first: int) -> None:
    failed = [verdict for seed in range(first, first + BLOCK) if (verdict := judged(seed)).failure]
    assert not failed, "\n".join(map(str, failed))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("planted", [slow(it, it in RARE) for it in PLANTED], ids=lambda it: it.__name__)
def test_a_planted_fault_is_found(planted: type[Scheduler]) -> None:
    found = next((it for it in map(lambda seed: judged(seed, planted), range(SOON)) if it.failure), None)
    assert found is not None, f"not in {SOON} seeds"
    assert f'--seed {found.seed} --trace"' in str(found)


def test_everything_happens() -> None:
    """Each kind of event, command and end; what is rare within a cluster is there in some."""
    seen: Counter[object] = Counter()
    clusters = [Cluster(seed, witness=lambda _, what: seen.update([type(what)])) for seed in range(40)]
    for cluster in clusters:
        cluster.run()
    assert not {*get_args(ev.Event), *get_args(ev.Command)} - seen.keys()
    assert {end for it in clusters for end in it.store.ends.values()} == {"complete", "failed", "cancelled"}
    films = list(chain.from_iterable(life.books.films.values() for it in clusters for life in it.lives))
    assert any(len(it.lives) > 2 for it in clusters)
    assert any(film.rerun for film in films)
    assert any(film.retries() for film in films if film.end == "complete")
    assert any(film.stage.replays for film in films if film.stage and film.end == "complete")


def test_a_seed_tells_all() -> None:
    """In any process: nothing depends on how Python hashes its strings, or on what was played before."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "12", "--trace"]
    root = Path(__file__).parents[2]
    told = [
        subprocess.run(command, cwd=root, env={**os.environ, "PYTHONHASHSEED": it}, capture_output=True, check=True)
        for it in ("1", "2")
    ]
    assert told[0].stdout == told[1].stdout
    assert b"all is well" in told[0].stdout
