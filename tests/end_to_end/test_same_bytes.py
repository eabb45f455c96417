"""The film is the same, byte for byte, however many daemons and processes made it and whatever they spoke over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.programs import Cluster, cluster, run, sha256

pytestmark = pytest.mark.process
JOB = ("--filter", "motion", "--filter", "blur:ksize=3")


@pytest.fixture(scope="module")
def expected(film: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """By one process of vidproc-run."""
    out = tmp_path_factory.mktemp("expected") / "out.mp4"
    outcome = run(film, "-o", out, "--processes", 1, *JOB)
    assert outcome.code == 0, outcome.err
    return sha256(out)


def test_filters_that_remember(film: Path, tmp_path: Path, shared: Cluster) -> None:
    """In one process, in several, and in daemons; a chunk begins between two places where their memory does."""
    job = ("--filter", "motion:kind=mog2,every=56", "--filter", "motion")
    outs = [tmp_path / f"{number}.mp4" for number in range(3)]
    assert run(film, "-o", outs[0], "--processes", 1, *job).code == 0
    assert run(film, "-o", outs[1], "--processes", 3, *job).code == 0
    assert shared.send(film, outs[2], *job).code == 0
    assert len(set(map(sha256, outs))) == 1


def test_two_processes(film: Path, tmp_path: Path, expected: str) -> None:
    assert run(film, "-o", tmp_path / "out.mp4", "--processes", 2, *JOB).code == 0
    assert sha256(tmp_path / "out.mp4") == expected


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_a_daemon_of_two_slots(shared: Cluster, film: Path, tmp_path: Path, expected: str, unix: bool) -> None:
    outcome = shared.send(film, tmp_path / "out.mp4", *JOB, unix=unix)
    assert outcome.code == 0, outcome.err
    assert sha256(tmp_path / "out.mp4") == expected


def test_three_daemons_over_both(film: Path, tmp_path: Path, expected: str) -> None:
    with cluster(tmp_path) as made:
        for unix in (False, True, False):
            made.add_worker(1, unix=unix)
        assert made.send(film, tmp_path / "out.mp4", *JOB).code == 0
        assert len({line["worker"] for line in made.log("worker joined")}) == 3
    assert sha256(tmp_path / "out.mp4") == expected
