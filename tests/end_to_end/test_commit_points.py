"""The coordinator is killed at each of its commit points in turn, before and after it; its successor ends the job."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.programs import BIN, Cluster, Outcome, cluster, run, send, sha256, until

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
        self.words = ("--port", 0, "--unix-socket", made.unix, "--data-dir", made.data, "--log-format", "json")
        self.first = made.start("coordinator", *self.words, door=(*DOOR, when, strike_at, self.points), cwd=BIN.parent)

    def dead(self) -> bool:
        return self.first.process.poll() is not None

    def survive(self, film: Path) -> dict[str, object]:
        """The job's figures, whatever happens to the first coordinator."""
        until(lambda: self.dead() or '"ready"' in self.first.said, "the coordinator to be ready, or dead")
        if self.dead():
            self._succeed()
        figures = self.folder / "figures.json"
        words = ("--unix-socket", self.cluster.unix, "--metrics-json", figures, *FILTER)
        sending = self.cluster.start("send", "--video", film, "--out", self.folder / "out.mp4", *words)
        until(lambda: self.dead() or sending.process.poll() is not None, "the coordinator's death, or the film")
        self.rows = chunks_written(self.cluster.data)
        if self.dead() and sending.process.poll() is None:
            self._succeed()
        assert sending.wait() == 0, sending.said
        found: dict[str, object] = json.loads(figures.read_text())
        return found

    def _succeed(self) -> None:
        self.cluster.start("coordinator", *self.words).saying('"ready"')


def chunks_written(data: Path) -> int:
    """How many chunks of jobs that have not ended are in the database. It is copied, or to look would mend it."""
    with contextlib.suppress(FileNotFoundError):
        seen = shutil.copytree(data, data.with_name("seen"), dirs_exist_ok=True)
        with contextlib.closing(sqlite3.connect(seen / "vidproc.db")) as database:
            return int(database.execute("SELECT count(*) FROM chunks").fetchone()[0])
    return 0
