"""The coordinator is killed at each of its commit points in turn, before and after it; its successor ends the job."""

from __future__ import annotations

import json
import signal
import sys
from itertools import count
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


class Blows:
    """A cluster whose first coordinators die, each at one of its points, before one that doesn't.

    `strikes` says for each of them whether it dies before or after the point, and at which; at the 0th is never.
    `taken_over` says how many chunks were written down when the last of them died.
    """

    def __init__(self, folder: Path, *strikes: tuple[str, int]) -> None:
        self.folder = folder
        self.made = Cluster(folder)
        self.left = list(strikes)
        self.deaths = 0
        self.taken_over = 0
        self.words = ("--port", 0, "--unix-socket", self.made.unix, "--data-dir", self.made.data)
        self._next()

    def _next(self) -> None:
        when, strike_at = self.left.pop(0) if self.left else ("after", 0)
        self.armed = strike_at > 0
        self.points = self.folder / f"points-{self.deaths}"
        self.points.touch()
        door = (*DOOR, when, strike_at, self.points, self.made.data)
        words = (*self.words, "--log-format", "json")
        self.running = self.made.start("coordinator", *words, door=door, cwd=BIN.parent)
        until(lambda: self._dead() or '"ready"' in self.running.said, "the coordinator to be ready, or dead")

    def _dead(self) -> bool:
        return self.running.process.poll() is not None

    def survive(self, film: Path) -> dict[str, Any]:
        """The figures of the job."""
        self.made.start("worker", "--unix-socket", self.made.unix, "--processes", 1)
        while self._sent(film) == 3:
            pass  # the coordinator died before it was found
        found: dict[str, Any] = json.loads((self.folder / "figures.json").read_text())
        return found

    def _sent(self, film: Path) -> int:
        words = ("--unix-socket", self.made.unix, "--metrics-json", self.folder / "figures.json", *FILTER)
        sending = self.made.start("send", "--video", film, "--out", self.folder / "out.mp4", *words)
        while sending.process.poll() is None:
            until(lambda: self._dead() or sending.process.poll() is not None, "the coordinator's death, or the film")
            if self._dead():
                self._bury()
        return sending.wait()

    def _bury(self) -> None:
        self.deaths += 1
        self.taken_over = chunks_written(self.made.data) or self.taken_over  # none where the job had ended
        self._next()

    def close(self) -> None:
        """Those that are left stop as they should, or the coordinator dies of a point that it comes to as it stops."""
        try:
            codes = {program.stop() for program in self.made.programs if program.process.poll() is None}
            assert codes <= {0, *([-signal.SIGKILL] if self.armed else [])}
            self.deaths = [program.process.poll() for program in self.made.programs].count(-signal.SIGKILL)
        finally:
            for program in self.made.programs:
                program.end()


def blown(film: Path, folder: Path, expected: str, *strikes: tuple[str, int]) -> Blows:
    """Of a job that is struck so all chunks that were written down are taken over, and its film has the same bytes."""
    blows = Blows(folder, *strikes)
    try:
        figures = blows.survive(film)
        assert sha256(folder / "out.mp4") == expected, f"killed {strikes}"
        assert figures["restarts"]["chunks_kept"] == blows.taken_over, f"killed {strikes}"
        assert figures["restarts"]["chunks_damaged"] == 0, f"killed {strikes}"
        return blows
    finally:
        blows.close()


def struck_at_each(film: Path, folder: Path, expected: str, *first: tuple[str, int], when: str) -> int:
    """At how many points the last of these coordinators was killed in turn: at each that it comes to. Those are not as
    many each time, since commits that wait at the same time are one."""
    for at in count(1):
        if blown(film, folder / str(at), expected, *first, (when, at)).deaths == len(first):
            return at - 1
    raise AssertionError("it never comes to an end")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_each_commit_point_in_turn(film: Path, expected: str, tmp_path: Path, when: str) -> None:
    assert struck_at_each(film, tmp_path, expected, when=when) > 20


def test_killed_again_at_each_commit_point_of_its_successor(film: Path, expected: str, tmp_path: Path) -> None:
    """The first one dies when some chunks are done."""
    assert struck_at_each(film, tmp_path, expected, ("after", 20), when="before") > 5
