"""The guard's workloads do what they say, and it tells what has grown from what has not."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.guard import __main__ as guard
from benchmarks.guard import baseline, counting
from benchmarks.guard.counting import CALLGRIND, RATIO, Method, surroundings
from benchmarks.guard.workloads import NAMES, ONCE, prepared

FILE = "figures.json"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """What the next measurements of a workload give, first to last; the last is given again and again."""
    given: dict[str, list[float]] = {}

    def measure(name: str, folder: Path) -> float:
        return given[name].pop(0) if len(given[name]) > 1 else given[name][0]

    monkeypatch.setattr(guard, "_METHODS", {"cpu": Method("cpu", "loops", measure, 0.1, "model name")})
    monkeypatch.setattr(guard, "drawn", lambda recipe: None)
    return given


def run(folder: Path, *arguments: str) -> int:
    return guard.main(["--method", "cpu", "--baseline", str(folder / FILE), *arguments])


@pytest.mark.media
@pytest.mark.parametrize("name", NAMES)
def test_a_workload_can_be_done_and_done_again(name: str, tmp_path: Path) -> None:
    with prepared(name, tmp_path) as work:
        work()
        if name not in ONCE:
            work()


@pytest.mark.process
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no valgrind")
def test_instructions_count_from_the_mark_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter's start takes tens of millions."""
    script = "import os; os.getsid(0); sum(range({})); os._exit(0)"

    def counted(number: int) -> float:
        monkeypatch.setattr(counting, "_workload", lambda *_: [sys.executable, "-I", "-S", "-c", script.format(number)])
        return counting.instructions("", tmp_path)

    assert 0 < counted(0) < 1
    assert counted(100_000) > 1


@pytest.mark.process
def test_a_ratio_is_to_the_calibration_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_STARTS", 1)
    assert 0 < counting.ratio("indexing", tmp_path) < math.inf


def test_nothing_stored_is_nothing_to_compare_with(
    tmp_path: Path, figures: dict[str, list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    figures["messages"] = [1.0]
    assert run(tmp_path, "messages") == 2
    assert "--update" in capsys.readouterr().out
    assert not (tmp_path / FILE).exists()


def test_what_is_stored_passes_and_what_has_grown_is_named(
    tmp_path: Path, figures: dict[str, list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    figures |= {"messages": [1.0], "planning": [2.0]}
    assert run(tmp_path, "messages", "planning", "--update") == 0
    figures |= {"messages": [1.05], "planning": [2.0]}
    assert run(tmp_path, "messages", "planning") == 0
    figures |= {"messages": [1.2], "planning": [2.0]}
    assert run(tmp_path, "messages", "planning") == 1
    said = capsys.readouterr().out
    assert "messages: takes 1.200 times what it took, where 1.1 times may pass" in said
    assert "planning:" not in said
    assert run(tmp_path, "messages", "--tolerance", "0.25") == 0


def test_one_bad_measurement_is_measured_again(tmp_path: Path, figures: dict[str, list[float]]) -> None:
    figures["messages"] = [1.0]
    assert run(tmp_path, "messages", "--update") == 0
    figures["messages"] = [9.0, 1.0]
    assert run(tmp_path, "messages") == 0


def test_a_workload_without_a_figure_is_no_success(
    tmp_path: Path, figures: dict[str, list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    figures |= {"messages": [1.0], "planning": [1.0]}
    assert run(tmp_path, "messages", "--update") == 0
    assert run(tmp_path, "messages", "planning") == 1
    assert "planning: no figure is stored" in capsys.readouterr().out
    assert run(tmp_path, "planning", "--update") == 0
    assert run(tmp_path, "messages", "planning") == 0


def test_figures_of_other_surroundings_are_left_alone(tmp_path: Path, figures: dict[str, list[float]]) -> None:
    other = {"callgrind, elsewhere": {"messages": 7.0}}
    baseline.save(other, tmp_path / FILE)
    figures["messages"] = [1.0]
    assert run(tmp_path, "messages") == 2
    assert run(tmp_path, "messages", "--update") == 0
    assert baseline.load(tmp_path / FILE) == {**other, surroundings(RATIO): {"messages": 1.0}}


def test_the_stored_figures_are_of_all_workloads() -> None:
    assert CALLGRIND.tolerance < RATIO.tolerance
    for where, stored in baseline.load(baseline.PATH).items():
        assert set(stored) == set(NAMES), where


def test_an_unknown_workload_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "nothing")
    assert "nothing" in capsys.readouterr().err
