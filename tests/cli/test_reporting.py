"""What a client says while a job goes on, and at its end."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from vidproc.cli import reporting
from vidproc.client.news import Downloading, News, Reconnecting, SubmittedAgain, Uploading
from vidproc.errors import StorageError
from vidproc.model import JobState
from vidproc.protocol.messages import Progress

FIGURES: dict[str, Any] = {
    "frames_out": 60, "wall_s": 1.234, "processing_fps": 48.6, "bytes_out": 2_500_000, "retries": {"total": 2},
    "fallback_frames": {"total": 0},
    "bottleneck": {"part": "encode", "share": 0.614}, "losses": ["no cover", "no chapters"],
}  # fmt: skip


def progress(**changes: Any) -> Progress:
    given = {"job_id": "j", "state": JobState.RUNNING, "frames_done": 30, "frames_total": 60, "fps": 10.0}
    return Progress(**{**given, **changes})


@pytest.mark.parametrize(
    ("news", "said"),
    [
        (Uploading(500_000, 2_000_000), "uploading 25 % of 2.0 MB"),
        (Uploading(500_000, 2_000_000, 48), "uploading 25 % of 2.0 MB, 48 frames done"),
        (Uploading(500, 1_500, 1), "uploading 33 % of 1.5 kB, 1 frame done"),
        (Downloading(0, 0), "downloading 0 % of 0 bytes"),
        (Reconnecting("it closed"), "connection lost (it closed), trying again"),
        (
            SubmittedAgain("no such\njob"),
            "submitting the job again (no such job); what is there of the film is not sent again",
        ),
        (progress(), "running: 30 of 60 frames, 10.0 fps, 0:03 left"),
        (progress(frames_total=0, fps=0.0), "running: 30 frames, 0.0 fps"),
        (progress(frames_total=60_000, fps=1.0), "running: 30 of 60000 frames, 1.0 fps, 16:39:30 left"),
        (progress(frames_done=60), "running: 60 of 60 frames, 10.0 fps"),
        (progress(waiting="no worker"), "waiting: no worker"),
    ],
)
def test_news_in_words(news: News, said: str) -> None:
    assert reporting.sentence(news) == said


def test_a_line_when_something_changes_and_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(reporting.time, "monotonic", lambda: now)
    with reporting.progress(quiet=False) as tell:
        for second, news in enumerate(
            [progress(frames_done=1), progress(frames_done=2), progress(waiting="w"), progress(waiting="w"), progress()]
        ):
            now = 100.0 + second / 10
            tell(news)
        now += 2.0
        tell(progress(frames_done=50))
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "running: 1 of 60 frames",
        "waiting: w",
        "running: 30 of 60 frames",
        "running: 50 of 60 frames",
    ]


def test_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting.progress(quiet=True) as tell:
        tell(progress())
    assert capsys.readouterr() == ("", "")


def given(**changes: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"out": "out.mp4", "metrics_json": None, "quiet": False, **changes})


def test_the_end_of_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    reporting.conclude(FIGURES, given())
    assert capsys.readouterr().err.splitlines() == [
        "out.mp4: 60 frames in 1.23 s, 48.6 fps, 2.5 MB, 2 retries; 61% of the time went to encode",
        "note: no cover",
        "note: no chapters",
    ]


def test_an_output_of_a_strange_name_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    reporting.conclude({**FIGURES, "losses": []}, given(out="a\x1b[31m\nfilm.mp4"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("a?[31m film.mp4: 60 frames")


def test_the_figures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reporting.conclude(FIGURES, given(metrics_json=str(tmp_path / "figures.json"), quiet=True))
    assert json.loads((tmp_path / "figures.json").read_text()) == FIGURES
    assert capsys.readouterr() == ("", "")


def test_figures_that_cannot_be_written() -> None:
    with pytest.raises(StorageError, match="--metrics-json /dev/full: No space left"):
        reporting.conclude(FIGURES, given(metrics_json="/dev/full"))


def test_of_one_thing_it_is_not_told_as_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"frames_out": 1, "bytes_out": 312, "retries": {"total": 1}, "fallback_frames": {"total": 1}, "losses": []}
    reporting.conclude({**FIGURES, **one}, given())
    (line, _) = capsys.readouterr().err.splitlines()
    assert line.startswith("out.mp4: 1 frame in 1.23 s, 48.6 fps, 312 bytes, 1 retry, 1 frame fell back; ")


def fell_back(**by_frame: str) -> dict[str, Any]:
    return {"total": len(by_frame), "by_frame": {name.removeprefix("f"): reason for name, reason in by_frame.items()}}


def test_frames_that_fell_back_are_named_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"fallback_frames": fell_back(f7="a\x1b[31m", f8="b", f30="b"), "losses": []}
    reporting.conclude({**FIGURES, **figures}, given())
    line, *notes = capsys.readouterr().err.splitlines()
    assert ", 3 frames fell back; " in line
    assert notes == ["note: frame 7 fell back: a?[31m", "note: frames 8, 30 fell back: b"]


def test_of_many_frames_that_fell_back_the_first_are_named() -> None:
    figures = {"total": 60, "by_frame": {str(n): "a" if n < 8 else f"reason {n}" for n in range(50)}}
    assert [*reporting.fallbacks(figures)] == [
        "frames 0, 1, 2, 3, 4 and 3 more fell back: a",
        "frame 8 fell back: reason 8",
        "frame 9 fell back: reason 9",
        "50 more frames fell back",
    ]
    assert [*reporting.fallbacks({"total": 1})] == ["1 more frame fell back"]
