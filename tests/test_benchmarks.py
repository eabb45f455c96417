"""The benchmarks run, end to end, on a clip so small that their figures mean nothing; and they count right."""

from __future__ import annotations

import argparse
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import chart, cluster, filter_costs, floor, quality, report, settings, tables
from benchmarks.clips import Recipe, drawn, picture_of
from benchmarks.comparison import FIRST_CRF, Comparison, Spread, run_once, shares
from benchmarks.page import Bar, Chart, Goal, Section, Table, goal, goals_table, spread
from benchmarks.plain import COUNTERPARTS, Counterpart
from benchmarks.results import Measured, Results, load, save
from benchmarks.sections import SECTIONS, WITH_GOALS, viewers
from benchmarks.sections import load as load_section
from benchmarks.subjects import COLD, FFMPEG, FLOOR, OPENCV, PEERS, WARM, Run, ffmpeg_program, peers
from benchmarks.tasks import TASKS
from benchmarks.usage import MemoryWatch
from benchmarks.usage import run as run_program
from benchmarks.work import Work
from vidproc.filters.contract import Picture
from vidproc.media.convert import Converter
from vidproc.model import Colour, FilterSpec
from vidproc.pipelines.plan import plan

SMALL = Recipe(1, 192, 108)
MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "cores_of_machine": 4,
    "memory_gib": 8.0,
    "load_before": 0.0,
    "system": "Linux",
    "measured": "2026-01-01",
    "commit": "abc",
    "versions": {"vidproc": "1", "ffmpeg": ""},
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(SMALL, tmp_path_factory.mktemp("clips"))


def run(subject: str, seconds: float, bytes_out: int = 100, frames: int = 30) -> Run:
    return Run(subject, 22, seconds, frames, bytes_out)


def compared(*rounds: dict[str, Run]) -> Comparison:
    return Comparison("a clip", "blur", 2, list(rounds))


def results(*sections: Section, load: float = 0.0) -> Results:
    machine = {**MACHINE, "load_before": load}
    return Results({it.name: Measured(it, machine, 1.0) for it in sections})


# The subjects


@pytest.mark.process
def test_measures_films_from_start_to_end(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not cluster.has_python():
        pytest.skip("bin/ leads to a Python without vidproc's dependencies")
    monkeypatch.setattr(settings, "WARM_UP", SMALL)
    monkeypatch.setattr(bench, "FOLDER", clip.parent)
    out = tmp_path / "out.json"
    small = ["--height", "108", "--seconds", "1,0.5", "--rounds", "1", "--slots", "1", "--filters", "blur"]
    assert bench.main(["films", *small, "--json", str(out)]) == 0
    section = load(out).sections["films"].section
    long, short = section.data
    assert long["rounds"][0].keys() - {FFMPEG} == {FLOOR, WARM, OPENCV}
    assert short["rounds"][0].keys() == {FLOOR, WARM}
    for name, it in long["rounds"][0].items():
        assert it["frames"] == 30
        assert min(it["seconds"], it["bytes_out"], *it["cpu"].values()) >= 0
        assert it["memory_mb"] > 10
        assert it["quality"]["psnr"] > 30, name
    ours, floors = (long["rounds"][0][name] for name in (WARM, FLOOR))
    assert ours["quality"]["psnr"] == pytest.approx(floors["quality"]["psnr"], abs=1)
    assert ours["cpu"].keys() == {"coordinator", "worker", "client"}
    assert {it.what.partition(":")[0] for it in section.goals} == {
        "blur, 108p, 1 s", "blur, 108p, 0.5 s", "coordinator and media process, 108p",
    }  # fmt: skip
    assert "Where the slots' time went" in capsys.readouterr().out

    assert bench.main(["films", *small, "--json", str(out), "--resume"]) == 0
    assert "measured before" in capsys.readouterr().err


@pytest.mark.process
def test_a_load_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cluster.has_python():
        pytest.skip("bin/ leads to a Python without vidproc's dependencies")
    monkeypatch.setattr(settings, "WARM_UP", SMALL)
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(load_section, "_FILMS", 2)
    monkeypatch.setattr(load_section, "LOAD", load_section.Load(idle=8, clients=3, jobs=5, daemons=2, burst=12))
    out = tmp_path / "out.json"
    assert bench.main(["load", "--slots", "2", "--json", str(out)]) == 0
    found = load(out).sections["load"].section.data
    assert found["errors"] == []
    assert {film: len(hashes) for film, hashes in found["hashes"].items()} == {
        "drawn-180p30-0.4s-crf21.7": 3, "drawn-180p30-0.6s-crf21.7": 2,
    }  # fmt: skip
    assert all(len(set(hashes)) == 1 for hashes in found["hashes"].values())
    assert found["burst"] == {"served": 12}
    assert min(it["count"] for it in found["answers"].values()) > 1
    assert min(found["memory"].values()) > 0


@pytest.mark.process
def test_viewers_watch_while_jobs_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cluster.has_python():
        pytest.skip("bin/ leads to a Python without vidproc's dependencies")
    monkeypatch.setattr(settings, "WARM_UP", SMALL)
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(viewers, "CROWD", viewers.Crowd(jobs=2, of_cluster=2))
    out = tmp_path / "out.json"
    words = ["viewers", "--slots", "1", "--rounds", "1", "--seconds", "1,6", "--height", "180"]
    assert bench.main([*words, "--json", str(out)]) == 0
    section = load(out).sections["viewers"].section
    (alone,), (watched,) = section.data["alone"], section.data["watched"]
    assert 0 < alone["own"] < alone["family"]
    assert alone["received"] == 0 < watched["received"]
    assert section.goals[0].measured == pytest.approx(watched["own"] / alone["own"])


@pytest.mark.process
def test_a_section_that_fails_leaves_the_others_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: settings.Settings) -> Section:
        run_program(["/bin/false"])
        raise AssertionError

    monkeypatch.setattr(bench, "SECTIONS", {"films": fails, "short": lambda _: Section("short", {})})
    assert bench.main(["films", "short", "--json", str(tmp_path / "out.json")]) == 1
    assert "/bin/false" in capsys.readouterr().err
    assert load(tmp_path / "out.json").sections.keys() == {"short"}


@pytest.mark.media
@pytest.mark.parametrize("name", TASKS)
def test_peers_do_the_whole_film(clip: Path, tmp_path: Path, name: str) -> None:
    work = Work(name)
    expected = quality.reference(clip, work.task)
    for subject in peers(PEERS, work):
        it = run_once(subject, clip, FIRST_CRF, tmp_path, expected)
        assert it.frames == 30
        assert it.seconds > 0
        assert it.cpu_s > 0
        assert it.quality is not None
        assert it.quality.psnr > 20 or (subject.name == FFMPEG and not work.task.alike)
    assert work.task.ffmpeg or name == "faces"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.media
def test_without_ffmpeg_there_is_one_peer_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert ffmpeg_program() is None
    assert [it.name for it in peers(PEERS, Work())] == [name for name in PEERS if name != FFMPEG]


@pytest.mark.unit
@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.exact])
@pytest.mark.parametrize("full", [False, True])
def test_the_floor_filters_as_vidproc_does(name: str, full: bool) -> None:
    rng = np.random.default_rng(1)
    shapes = (64, 96), (32, 48), (32, 48)
    frames = [tuple(rng.integers(0, 256, shape, np.uint8) for shape in shapes) for _ in range(3)]
    task, convert = TASKS[name], Converter(Colour(range=2 if full else 1), 96, 64)
    pipeline = plan([_spec(task.vidproc)], "yuv420p", "yuv420p")
    pictures = enumerate(Picture("yuv420p", planes) for planes in frames)
    apply = task.planes(full)
    for planes, (_, theirs) in zip(frames, pipeline.run(pictures, 0, 3, convert), strict=True):
        mine = tuple(map(np.empty_like, planes))
        apply(planes, mine)
        for one, other in zip(mine, theirs.planes, strict=True):
            np.testing.assert_array_equal(one, other)


def _spec(options: tuple[str, ...]) -> FilterSpec:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processing")
    parser.add_argument("--param", action="append", default=[])
    given = parser.parse_args(options)
    return FilterSpec(given.processing, dict(each.split("=") for each in given.param))


@pytest.mark.media
def test_a_drawn_film_is_the_same_each_time(clip: Path, tmp_path: Path) -> None:
    assert picture_of(clip)[0] == 30
    assert drawn(SMALL, tmp_path).read_bytes() == clip.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]


@pytest.mark.media
def test_the_floor_tells_its_parts_and_writes_its_film(clip: Path, tmp_path: Path) -> None:
    found = floor.measure(clip, Work(), 23, tmp_path / "film.mp4")
    assert found.frames == 30
    assert min(found.decode, found.filter, found.encode, found.bytes_out) > 0
    assert found.seconds == found.decode + found.filter + found.encode
    frames, size = picture_of(tmp_path / "film.mp4")
    assert frames == 30
    assert size == pytest.approx(found.bytes_out, rel=0.1)


@pytest.mark.process
def test_what_a_program_leaves_behind_counts_as_well() -> None:
    """A child that burns half a second and is left behind, as its parent does not wait."""
    burn = "import time; end = time.process_time() + 0.5\\nwhile time.process_time() < end: pass"
    leave = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '''{burn}''']); print('left')"
    with MemoryWatch() as watch:
        used = run_program(["python3", "-c", leave], watch)
    assert used.said == "left\n"
    assert used.cpu_s >= 0.5


@pytest.mark.unit
@pytest.mark.parametrize("counterpart", COUNTERPARTS, ids=lambda it: it.title)
def test_plain_opencv_has_the_results_of_the_filters(counterpart: Counterpart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_costs, "_TURN_S", 0.0)
    rng, convert = np.random.default_rng(2), Converter(Colour(range=1), 96, 64)
    smooth = [cv2.GaussianBlur(rng.integers(0, 256, (64, 96, 3), np.uint8), (9, 9), 0) for _ in range(3)]
    frames = [convert.convert(Picture("bgr24", (each,)), "yuv420p") for each in smooth]
    cost = filter_costs.measure(counterpart, frames, convert, 0.0)
    assert cost.same
    assert cost.ratio > 0


# The quality


@pytest.mark.unit
def test_ssim_and_psnr_fall_with_what_is_lost() -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (64, 96), np.uint8), (5, 5), 0)
    less = cv2.GaussianBlur(picture, (5, 5), 0)
    assert quality.ssim(picture, picture) == pytest.approx(1)
    assert 0 < quality.ssim(picture, cv2.GaussianBlur(less, (15, 15), 0)) < quality.ssim(picture, less) < 1


@pytest.mark.media
def test_a_film_against_itself_has_lost_nothing(clip: Path) -> None:
    expected = [frame.copy() for frame in _luma(clip)]
    assert quality.measure(clip, expected) == quality.Quality(math.inf, pytest.approx(1))
    assert quality.measure(clip, [frame ^ 1 for frame in expected]).psnr == pytest.approx(20 * math.log10(255))
    with pytest.raises(ValueError, match="shorter"):
        quality.measure(clip, [*expected, *expected])


def _luma(clip: Path) -> list[np.ndarray]:
    frames = list(quality._frames(clip))
    return [floor.plane_views(it, it.width, it.height)[0] for it in frames[15::30]]


# The figures


@pytest.mark.unit
def test_ratios_are_formed_within_a_round() -> None:
    slow_round = {WARM: run(WARM, 20.0, 110), FFMPEG: run(FFMPEG, 30.0)}
    quick_round = {WARM: run(WARM, 2.0, 130), FFMPEG: run(FFMPEG, 4.0)}
    comparison = compared(slow_round, quick_round)
    assert comparison.speed(WARM, FFMPEG) == Spread(1.75, 1.5, 2.0)
    size = comparison.size(WARM, FFMPEG)
    assert size is not None
    assert (size.median, size.least, size.most) == pytest.approx((1.2, 1.1, 1.3))
    assert comparison.fps(WARM) == Spread((1.5 + 15) / 2, 1.5, 15)
    assert comparison.speed(WARM, FLOOR) is None
    assert comparison.fps(COLD) is None


@pytest.mark.unit
def test_the_shares_are_the_whole() -> None:
    seconds = {"decode": 4.0, "lead_in": 1.0, "filter": 2.0, "encode": 7.0, "pipe": 0.6, "network": 0.4}
    seconds |= {"upload": 0.5, "finish": 0.5, "index": 9.0}
    it = Run(WARM, 22, 10.0, 30, 100, metrics={"seconds": seconds, "wall_s": 9.5})
    found = shares(it, slots=2)
    assert sum(found.values()) == pytest.approx(1)
    assert {name: round(share, 3) for name, share in found.items() if share} == {
        "decode": 0.2,
        "lead_in": 0.05,
        "filter": 0.1,
        "encode": 0.35,
        "pipe": 0.03,
        "network": 0.02,
        "upload": 0.05,
        "finish": 0.05,
        "client": 0.05,
        "waiting": 0.1,
    }


@pytest.mark.unit
def test_says_when_not_all_made_the_same_number_of_frames() -> None:
    fair = compared({WARM: run(WARM, 2.0), FFMPEG: run(FFMPEG, 3.0)})
    unfair = compared({WARM: run(WARM, 2.0), FFMPEG: run(FFMPEG, 3.0, frames=29)})
    assert tables.uneven([fair, unfair]) == ["a clip, blur: not all made the same number of frames: [29, 30]."]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("it", "row"),
    [
        (goal("speed", 0.9, Spread(0.95, 0.85, 1.0)), ["speed", "at least 0.9", "0.95", "0.85", "1.00", "yes"]),
        (goal("speed", 0.96, Spread(0.95, 0.85, 1.0)), ["speed", "at least 0.96", "0.95", "0.85", "1.00", "no"]),
        (goal("cost", 150, Spread(141, 9, 160), True), ["cost", "at most 150", "141", "9.00", "160", "yes"]),
        (goal("cost", 150, Spread(151, 9, 160), True), ["cost", "at most 150", "151", "9.00", "160", "no"]),
        (goal("absent", 1.1, None), ["absent", "at least 1.1", "-", "-", "-", "-"]),
    ],
)
def test_goals_stand_beside_what_is_measured(it: Goal, row: list[str]) -> None:
    assert goals_table([Section("films", {}, goals=[it])]).rows[1] == row


@pytest.mark.unit
def test_tables_say_the_median_and_the_spread() -> None:
    it = compared(*({FLOOR: run(FLOOR, 1.0), WARM: run(WARM, seconds)} for seconds in (2.0, 1.0, 3.0)))
    assert tables.speed([it]).rows[1:] == [
        ["a clip", "blur", FLOOR, "30.0", "0.50 (0.33-1.00)", "0.0"],
        ["a clip", "blur", WARM, "15.0 (10.0-30.0)", "-", "0.0"],
    ]
    assert spread(None, 2) == "-"


# The page


@pytest.mark.unit
def test_results_are_kept_and_measured_again_only_if_something_changed(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert load(path) == Results()
    it = results(Section("films", {"rounds": 3}, goals=[Goal("speed", 1, 2.0)], data={"a": [1]}))
    save(it, path)
    assert load(path) == it
    assert it.has("films", {"rounds": 3}, MACHINE)
    assert not it.has("films", {"rounds": 2}, MACHINE)
    assert not it.has("films", {"rounds": 3}, {**MACHINE, "commit": "abd"})
    assert not it.has("short", {"rounds": 3}, MACHINE)
    path.write_text("no results")
    assert load(path) == Results()


def test_the_page_keeps_what_is_around_its_results(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    section = Section(
        "films",
        {},
        goals=[Goal("speed", 1.0, 2.0)],
        tables=[Table("Speed", [["a", "b"], ["1", "2"]]), Table("Nothing", [["a", "b"]])],
        charts=[Chart("some", "Speeds", "frames/s", [Bar("blur", "vidproc", 3.0, 2.0, 4.0)])],
    )
    report.write_docs(results(section, load=1.5), ["short", "films"], page)
    said = page.read_text()
    assert said.startswith(f"before\n{report.BEGIN}\n")
    assert said.endswith(f"\n{report.END}\nafter\n")
    assert "| speed | at least 1 | 2.00 | - | - | yes |" in said
    assert "| 1 | 2 |" in said
    assert "![Speeds](images/some.svg)" in said
    assert "its load was 1.5" in said
    assert "old" not in said
    assert "Nothing" not in said
    assert (tmp_path / "images" / "some.svg").exists()
    page.write_text("no marks")
    with pytest.raises(ValueError, match="no place"):
        report.write_docs(results(section), ["films"], page)


@pytest.mark.unit
def test_the_docs_have_a_place_for_results() -> None:
    text = report.PAGE.read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1


@pytest.mark.unit
def test_the_docs_tell_of_every_section() -> None:
    text = report.PAGE.read_text()
    assert [name for name in SECTIONS if f"`{name}`" not in text] == []
    assert set(WITH_GOALS) <= set(SECTIONS)


@pytest.mark.unit
def test_a_chart_has_its_bars_to_scale() -> None:
    bars = [Bar("<blur>", "vidproc", 50.0, 40.0, 100.0), Bar("<blur>", "another", 25.0, 25.0, 25.0)]
    root = ET.fromstring(chart.svg(Chart("some", "A & B", "frames/s", bars)))
    boxes = [it for it in root if it.tag.endswith("rect")]
    assert float(boxes[0].get("width", 0)) == pytest.approx(2 * float(boxes[1].get("width", 0)), abs=0.2)
    said = {it.text for it in root if it.tag.endswith("text")}
    assert said == {"A & B", "<blur>", "vidproc", "another", "50.0", "25.0"}
    assert len({it.get("fill") for it in boxes}) == 2
