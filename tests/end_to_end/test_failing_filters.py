"""Filters of a person's own that fail in mid-job, where that is to fail the job (`--on-error fail`): the frame and the
reason are named, and the daemon lives."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.end_to_end.programs import Cluster, cluster

pytestmark = pytest.mark.process


def complaint(shared: Cluster, video: Path, folder: Path, text: str, *words: object) -> str:
    """What a send with this filter says; it must fail and leave nothing."""
    (folder / "mine.py").write_text(text)
    filter = ("--filter", folder / "mine.py", "--on-error", "fail")
    outcome = shared.send(video, folder / "out.mp4", *filter, *words)
    assert outcome.code == 4, outcome.err
    assert not list(folder.glob("*out*"))
    shared.nothing_left()
    return outcome.complaint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nosuch\ndef f(frame): return frame", "No module named 'nosuch'"),
        ("def f(frame): return None", "returned None"),
        ("def f(frame): return frame[:8]", "frame"),
        ("def f(frame): raise ValueError('no')", "ValueError: no"),
        ("def f(frame): raise SystemExit(3)", "SystemExit"),
        ("import os\ndef f(frame): os._exit(3)", "ended with exit code 3"),
        ("def f(frame): return bytearray(1 << 40)", "MemoryError"),
    ],
)
def test_the_reason_is_said(shared: Cluster, film: Path, tmp_path: Path, text: str, said: str) -> None:
    assert said in complaint(shared, film, tmp_path, text)


def test_the_frame_is_named_after_its_retries(shared: Cluster, tmp_path: Path) -> None:
    gray = "def f(frame):\n    assert abs(int(frame[0, 0, 0]) - 130) > 4\n    return frame\n"
    steps(tmp_path / "in.mkv")
    said = complaint(shared, tmp_path / "in.mkv", tmp_path, gray)
    assert "in.mkv: frame 13 failed: the custom filter failed: AssertionError (line 2)" in said
    assert "4 attempts" in said
    attempts = [line for line in shared.log("chunk failed") if "AssertionError" in line["error"]]
    assert [line["frame"] for line in attempts] == [13] * 4


def steps(path: Path) -> None:
    """Twenty gray frames, each ten levels brighter than the one before."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 10 * number, np.uint8), format="bgr24")
            out.mux(stream.encode(frame.reformat(format="bgr0")))
        out.mux(stream.encode(None))


def test_a_frame_that_takes_too_long(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "folder") as made:
        made.add_worker(1, "--allow-custom", "--frame-timeout", "0.3")
        said = complaint(made, film, tmp_path, "def f(frame):\n    while True: pass\n")
        assert "frame 0 failed: it took longer than 0.3 s (--frame-timeout)" in said


def test_the_coordinator_says_once_what_happened(film: Path, tmp_path: Path) -> None:
    """A slot that died is no reason to take the media process for dead."""
    filter_file = tmp_path / "deadly.py"
    filter_file.write_text("import os\n\ndef deadly(frame):\n    os._exit(9)\n")
    with cluster(tmp_path / "cluster") as own:
        own.add_worker(1, "--allow-custom")
        outcome = own.send(film, tmp_path / "out.mp4", "--filter", filter_file, "--on-error", "fail", "--quiet")
        assert "ended with exit code 9" in outcome.complaint
        own.nothing_left()
        assert own.log("media process lost") == []
        assert len(own.log("job ended")) == 1
