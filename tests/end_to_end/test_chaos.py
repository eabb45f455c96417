"""Blow upon blow, of any kind and at any moment, while two clients have their jobs done."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.long_films import long_film
from tests.end_to_end.programs import Cluster, cluster, sha256, until

pytestmark = [pytest.mark.process, pytest.mark.long]

_TURNS = 6
_BLOWS = 6
"""At most, while two jobs go on: of one chunk no more may be lost than it is tried again for."""
_PAUSE_S = (0.1, 0.6)
_FILTERS = ("edges", "motion", "faces")


class Reaper:
    """`strike` kills something of a cluster, and starts a daemon or the coordinator again."""

    def __init__(self, own: Cluster, seed: int) -> None:
        self._own = own
        self._rng = random.Random(seed)
        self._daemons = [own.add_worker(2, unix=unix) for unix in (False, True)]

    def pause(self) -> None:
        time.sleep(self._rng.uniform(*_PAUSE_S))

    def strike(self) -> str:
        kind = self._rng.choice([self._process, self._process, self._process, self._daemon, self._coordinator])
        return kind()

    def _process(self) -> str:
        """A slot, or what makes slots, busy or idle or only just begun."""
        family: list[psutil.Process] = [it for daemon in self._daemons for it in daemon.family()]
        if not family:
            return "nothing"
        victim = self._rng.choice(family)
        victim.kill()
        return f"a daemon's process {victim.pid}"

    def _daemon(self) -> str:
        at = self._rng.randrange(len(self._daemons))
        self._daemons[at].end()
        self._daemons[at] = self._own.add_worker(2, unix=bool(at))
        return "a daemon"

    def _coordinator(self) -> str:
        self._own.coordinator.end()
        self._own.start_coordinator(port=self._own.port)
        return "the coordinator"


@pytest.mark.parametrize("seed", [1, 2])
def test_jobs_come_through_whatever_is_killed(tmp_path: Path, seed: int) -> None:
    film = long_film(tmp_path / "in.mp4", minutes=4)
    with cluster(tmp_path / "own") as own:
        reaper = Reaper(own, seed)
        plain = {name: undisturbed(own, film, name) for name in _FILTERS}
        blows = [blow for turn in range(_TURNS) for blow in struck(own, reaper, film, turn, plain)]
    print(f"seed {seed}: {len(blows)} blows: {blows}")
    assert len(blows) > _TURNS


def undisturbed(own: Cluster, film: Path, name: str) -> str:
    out = film.with_name(f"{name}.mp4")
    assert own.send(film, out, "--filter", name).code == 0
    return sha256(out)


def struck(own: Cluster, reaper: Reaper, film: Path, turn: int, plain: Mapping[str, str]) -> list[str]:
    """Two jobs at once; what was killed meanwhile."""
    outs = {name: film.with_name(f"{turn}-{name}.mp4") for name in (_FILTERS[turn % 3], _FILTERS[(turn + 1) % 3])}
    jobs = {name: own.sending(film, out, "--filter", name) for name, out in outs.items()}
    until(lambda: all(job.said for job in jobs.values()), "both jobs to begin")
    blows: list[str] = []
    while len(blows) < _BLOWS and any(job.process.poll() is None for job in jobs.values()):
        blows.append(reaper.strike())
        reaper.pause()
    for name, job in jobs.items():
        assert job.wait(120) == 0, (blows, job.said)
        assert sha256(outs[name]) == plain[name], (name, blows)
    return blows
