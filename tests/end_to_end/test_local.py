"""`make run-local` and `make serve`: a whole cluster on this host, for one film or for as long as one likes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.end_to_end.programs import until
from vidproc.cli import local

pytestmark = pytest.mark.process


def command(*words: object) -> list[str]:
    return [str(word) for word in (sys.executable, "-m", "vidproc.cli.local", *words)]


def test_a_film_through_a_whole_cluster(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "out.mp4"
    words = command("--video", film, "--processing", "edges", "--out", out)
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert f"result: {out}" in done.stdout
    assert "frames_out: 60" in done.stdout
    with av.open(str(out)) as written:
        assert len(list(written.decode(video=0))) == 60
    refused = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "exists; add --overwrite" in refused.stderr


def test_serving_until_it_is_stopped(film: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = command("--serve", "--port", local._free_port(), "--video", film, "--out", tmp_path / "out.mp4")
    with log.open("wb") as writing, subprocess.Popen(words, stdout=writing, stderr=writing) as serving:
        until(lambda: "Ctrl-C stops it" in log.read_text(), "it to serve")
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(15) == 0
    assert "stopping" in log.read_text()
