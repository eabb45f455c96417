"""The benchmarks run, end to end, on a clip so small that their figures mean nothing; and they count right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vidproc.filters
from benchmarks import __main__ as bench
from benchmarks import cluster, floor, report
from benchmarks.clips import Recipe, drawn, frames_in
from benchmarks.comparison import Comparison, shares
from benchmarks.subjects import COLD, FFMPEG, FLOOR, WARM, Run
from benchmarks.work import Work
from vidproc.filters.contract import Picture
from vidproc.model import FilterSpec

SMALL = Recipe(1, 192, 108)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(SMALL, tmp_path_factory.mktemp("clips"))


def results(*comparisons: Comparison) -> report.Results:
    machine = {
        "processor": "a processor",
        "cores": 2,
        "cores_of_machine": 4,
        "memory_gib": 8.0,
        "load_before": 0.0,
        "system": "Linux",
        "versions": {"vidproc": "1", "ffmpeg": ""},
    }
    settings = {"ksize": 15, "preset": "veryfast", "slots": 2, "transport": "TCP", "rounds": 2}
    return report.Results(machine, settings, comparisons, [])


def run(subject: str, seconds: float, bytes_out: int = 100, frames: int = 30) -> Run:
    return Run(subject, 22, seconds, frames, bytes_out)


@pytest.mark.process
def test_measures_all_subjects_from_start_to_end(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not cluster.has_python():
        pytest.skip("bin/ leads to a Python without vidproc's dependencies")
    monkeypatch.setattr(bench, "WARM_UP", SMALL)
    monkeypatch.setattr(bench, "CLIPS", clip.parent)
    out = tmp_path / "out.json"
    assert bench.main([str(clip), "--drawn", "none", "--rounds", "1", "--slots", "1", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    (comparison,), (speed,) = found["comparisons"], found["figures"].values()
    (one,) = comparison["rounds"]
    assert one.keys() - {FFMPEG} == {FLOOR, WARM, COLD}
    assert {it["frames"] for it in one.values()} == {30}
    assert all(it["seconds"] > 0 and it["bytes_out"] > 0 for it in one.values())
    assert one[WARM]["cpu"].keys() == {"coordinator", "worker"}
    assert comparison["crowded"] > 0
    assert speed["fps"][WARM] == pytest.approx(30 / one[WARM]["seconds"])
    assert sum(speed["shares"].values()) == pytest.approx(1)
    assert "Where the slots' time went" in capsys.readouterr().out


@pytest.mark.process
def test_ends_with_1_when_a_program_fails(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not cluster.has_python():
        pytest.skip("bin/ leads to a Python without vidproc's dependencies")
    monkeypatch.setattr(bench, "WARM_UP", SMALL)
    monkeypatch.setattr(bench, "CLIPS", clip.parent)
    assert bench.main([str(tmp_path / "absent.mp4"), "--drawn", "none"]) == 1
    assert "vidproc-send" in capsys.readouterr().err


@pytest.mark.unit
def test_the_floor_blurs_as_the_filter_does() -> None:
    rng = np.random.default_rng(1)
    planes = tuple(rng.integers(0, 256, shape, np.uint8) for shape in ((64, 96), (32, 48), (32, 48)))
    mine, theirs = (tuple(np.empty_like(plane) for plane in planes) for _ in range(2))
    for work in (Work(9), Work(15), Work(31)):
        floor.blur(planes, mine, work)
        filter, params = vidproc.filters.find(FilterSpec("blur", {"ksize": work.ksize}))
        done = filter.apply((Picture("yuv420p", planes),), Picture("yuv420p", theirs), **params)
        for one, other in zip(mine, done.planes, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.media
def test_a_drawn_film_is_the_same_each_time(clip: Path, tmp_path: Path) -> None:
    assert frames_in(clip) == 30
    assert drawn(SMALL, tmp_path).read_bytes() == clip.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]


@pytest.mark.media
def test_the_floor_tells_its_parts(clip: Path) -> None:
    found = floor.measure(clip, Work(), 23)
    assert found.frames == 30
    assert min(found.decode, found.filter, found.encode, found.bytes_out) > 0
    assert found.seconds == found.decode + found.filter + found.encode


@pytest.mark.unit
def test_ratios_are_formed_within_a_round() -> None:
    slow_round = {WARM: run(WARM, 20.0, 110), FFMPEG: run(FFMPEG, 30.0)}
    quick_round = {WARM: run(WARM, 2.0, 130), FFMPEG: run(FFMPEG, 3.0)}
    comparison = Comparison("c", 2, [slow_round, quick_round])
    assert comparison.speed(WARM, FFMPEG) == pytest.approx(1.5)
    assert comparison.size(WARM, FFMPEG) == pytest.approx(1.2)
    assert comparison.fps(WARM) == pytest.approx((1.5 + 15) / 2)
    assert comparison.speed(WARM, FLOOR) is None
    assert comparison.fps(COLD) is None


@pytest.mark.unit
def test_the_shares_are_the_whole() -> None:
    seconds = {"decode": 4.0, "lead_in": 1.0, "filter": 2.0, "encode": 7.0, "pipe": 0.6, "network": 0.4}
    seconds |= {"upload": 0.5, "finish": 0.5, "index": 9.0}
    it = Run(WARM, 22, 10.0, 30, 100, metrics={"seconds": seconds, "wall_s": 9.5})
    found = shares(it, slots=2)
    assert sum(found.values()) == pytest.approx(1)
    assert {name: round(share, 3) for name, share in found.items()} == {
        "decode": 0.2,
        "lead_in": 0.05,
        "filter": 0.1,
        "convert": 0.0,
        "encode": 0.35,
        "open": 0.0,
        "pipe": 0.03,
        "network": 0.02,
        "disk": 0.0,
        "upload": 0.05,
        "index": 0.0,
        "finish": 0.05,
        "client": 0.05,
        "waiting": 0.1,
    }


@pytest.mark.unit
def test_says_when_not_all_made_the_same_number_of_frames() -> None:
    fair = Comparison("fair", 2, [{WARM: run(WARM, 2.0), FFMPEG: run(FFMPEG, 3.0)}])
    unfair = Comparison("unfair", 2, [{WARM: run(WARM, 2.0), FFMPEG: run(FFMPEG, 3.0, frames=29)}])
    assert [said for said in report.remarks(results(fair, unfair)) if "number of frames" in said] == [
        "unfair: not all made the same number of frames: [29, 30]."
    ]
    alone = Comparison("alone", 2, [{FLOOR: run(FLOOR, 2.0)}])
    assert "There was no ffmpeg to compare with." in report.remarks(results(alone))


def test_the_page_keeps_what_is_around_its_results(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    comparison = Comparison("a clip", 2, [{FLOOR: run(FLOOR, 2.0), FFMPEG: run(FFMPEG, 3.0)}])
    report.write_docs(results(comparison), page)
    said = page.read_text()
    assert said.startswith(f"before\n{report.BEGIN}\n")
    assert said.endswith(f"\n{report.END}\nafter\n")
    assert "| a clip | 15.0 |" in said
    assert "old" not in said
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no place"):
        report.write_docs(results(comparison), page)


@pytest.mark.unit
def test_the_docs_have_a_place_for_results() -> None:
    text = report.PAGE.read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1
