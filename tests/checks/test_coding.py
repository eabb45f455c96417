from __future__ import annotations

from pathlib import Path

import av
import pytest

from vidproc.checks.coding import codecs
from vidproc.checks.finding import Level
from vidproc.errors import MediaError
from vidproc.media import codec_trial
from vidproc.media.codec_trial import TRIALS, try_out

pytestmark = pytest.mark.process

_SICK = """\
import json, os, signal, sys

for name in sys.argv[1:]:
    if name == "h265":
        os.kill(os.getpid(), signal.SIGILL)
    print(json.dumps({"codec": name, "error": "no such thing" if name == "ffv1" else ""}), flush=True)
"""


def test_every_codec_of_a_result_and_of_a_source_is_tried() -> None:
    found = list(codecs())
    assert {each.subject.removeprefix("codec ") for each in found} == set(TRIALS)
    assert all(each.level is Level.OK for each in found), found


def test_a_codec_that_ends_its_process_is_named_and_the_others_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sick_trial.py").write_text(_SICK)
    monkeypatch.syspath_prepend(tmp_path)
    h264, h265, ffv1, mjpeg = codecs(("h264", "h265", "ffv1", "mjpeg"), "sick_trial")
    assert h264.level is mjpeg.level is Level.OK
    assert (h265.level, ffv1.level) == (Level.PROBLEM, Level.PROBLEM)
    assert "SIGILL" in h265.said
    assert "no such thing" in ffv1.said


def test_a_trial_that_cannot_begin_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mute_trial.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="without a word"):
        list(codecs(("h264",), "mute_trial"))


def test_a_picture_that_comes_back_as_another_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder gives what was encoded, and the trial is told that something else was."""
    slope = codec_trial._slope
    given = list(codec_trial._frames("yuv420p"))
    monkeypatch.setattr(codec_trial, "_frames", lambda _: iter(given))
    try_out("h264")
    monkeypatch.setattr(codec_trial, "_slope", lambda number: slope(number + 2))
    with pytest.raises(MediaError, match="another picture"):
        try_out("h264")


def test_frames_that_do_not_come_back_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[av.VideoFrame] = list(codec_trial._frames("yuv420p"))[:2]
    monkeypatch.setattr(codec_trial, "_frames", lambda _: iter(frames))
    with pytest.raises(MediaError, match="of 3 frames 2 came back"):
        try_out("h264")
