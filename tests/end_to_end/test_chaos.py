"""Blow upon blow, of any kind and at any moment, while two clients have their jobs done."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.long_films import long_film
from tests.end_to_end.programs import Cluster, Program, cluster, sha256, until

pytestmark = [pytest.mark.process, pytest.mark.long]

_JOBS = 6
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
        reaper, plain = Reaper(own, seed), {}
        for name in _FILTERS:
            assert own.send(film, out := tmp_path / f"{name}.mp4", "--filter", name).code == 0
            plain[name] = sha256(out)
        blows = [blow for job in range(_JOBS) for blow in struck(own, reaper, film, tmp_path, job, plain)]
    print(f"seed {seed}: {len(blows)} blows: {blows}")
    assert len(blows) > _JOBS


def struck(
    own: Cluster, reaper: Reaper, film: Path, folder: Path, job: int, plain: dict[str, str]
) -> list[str]:
    """Two jobs at once; what was killed meanwhile."""
    names, blows = (_FILTERS[job % 3], _FILTERS[(job + 1) % 3]), []
    outs = [folder / f"{job}-{name}.mp4" for name in names]
    clients = [own.sending(film, out, "--filter", name) for name, out in zip(names, outs, strict=True)]
    until(lambda: all(client.said for client in clients), "both jobs to begin")
    while len(blows) < _BLOWS and any(running(client) for client in clients):
        blows.append(reaper.strike())
        reaper.pause()
    for name, out, client in zip(names, outs, clients, strict=True):
        assert client.wait(120) == 0, (blows, client.said)
        assert sha256(out) == plain[name], (name, blows)
    return blows


def running(client: Program) -> bool:
    return client.process.poll() is None
