"""The coordinator is killed at each of its commit points in turn, before and after it; its successor ends the job."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.programs import BIN, Cluster, chunks_written, run, sha256, until

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.timeout(900)]
FILTER = ("--filter", "flip")
DOOR = (sys.executable, "-m", "tests.end_to_end.dying_coordinator")


@pytest.fixture(scope="module")
def expected(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("undisturbed") / "out.mp4"
    assert run(film, "-o", out, *FILTER).code == 0
    return sha256(out)


class Blow:
    """A cluster whose first coordinator dies at one of its points, and what is to be known of that."""

    def __init__(self, made: Cluster, folder: Path, when: str, strike_at: int) -> None:
        self.cluster = made
        self.folder = folder
        self.cluster.data = folder / "data"
        self.points = folder / "points"
        self.points.touch()
        self.rows: int | None = None
        self.words = ("--port", 0, "--unix-socket", made.unix, "--data-dir", made.data, "--log-format", "json")
        self.first = made.start("coordinator", *self.words, door=(*DOOR, when, strike_at, self.points), cwd=BIN.parent)

    def dead(self) -> bool:
        return self.first.process.poll() is not None

    def survive(self, film: Path) -> dict[str, Any]:
        """The job's figures, whatever happens to the first coordinator."""
        until(lambda: self.dead() or '"ready"' in self.first.said, "the coordinator to be ready, or dead")
        while self._sent(film) == 3:
            pass  # it died before it was found
        found: dict[str, Any] = json.loads((self.folder / "figures.json").read_text())
        return found

    def _sent(self, film: Path) -> int:
        words = ("--unix-socket", self.cluster.unix, "--metrics-json", self.folder / "figures.json", *FILTER)
        sending = self.cluster.start("send", "--video", film, "--out", self.folder / "out.mp4", *words)
        until(lambda: self.dead() or sending.process.poll() is not None, "the coordinator's death, or the film")
        if self.dead() and self.rows is None:
            self.rows = chunks_written(self.cluster.data)
            self._succeed()
        return sending.wait()

    def _succeed(self) -> None:
        self.cluster.start("coordinator", *self.words).saying('"ready"')


def points(folder: Path) -> int:
    return len((folder / "points").read_text().splitlines())


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_each_commit_point_in_turn(film: Path, expected: str, tmp_path: Path, when: str) -> None:
    """Each chunk that was written down is taken over, and the film has the same bytes."""
    struck, most = 0, 1
    for strike_at in range(0, 1000):  # 0 is never, which shows how many there are
        folder = tmp_path / str(strike_at)
        made = Cluster(folder)
        try:
            blow = Blow(made, folder, when, strike_at)
            made.start("worker", "--unix-socket", made.unix, "--processes", 1)
            figures = blow.survive(film)
            assert sha256(folder / "out.mp4") == expected, f"killed {when} point {strike_at}"
            assert figures["restarts"]["chunks_kept"] == (blow.rows or 0), f"killed {when} point {strike_at}"
            struck += blow.dead()
        finally:
            for program in made.programs:
                program.end()
        most = points(folder) if strike_at == 0 else most
        if strike_at >= most:
            break
    assert struck >= most - 2, "the last points may come after the client has left"
