"""`vidproc verify`, on real runs: what it says of a filter that keeps the promise, and of one that breaks it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.media.clips import X264, Film, write
from vidproc.cli import verify

pytestmark = pytest.mark.process
PROCESS_COLOURED = """
import os

def tint(frame):
    return frame // 2 + os.getpid() % 128
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    write(tmp_path / "in.mp4", Film(options={**X264, "g": "12"}, count=48))
    return tmp_path / "in.mp4"


def test_the_same_bytes(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(film), "--filter", "blur", "--processes", "2", "--quiet"]) == 0
    assert capsys.readouterr().out == "frames before encoding: the same\nfilms (SHA-256): the same\n"


def test_a_film_from_a_pipe(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read once, and done twice."""
    os.mkfifo(film.with_name("pipe"))
    writer = threading.Thread(target=lambda: film.with_name("pipe").write_bytes(film.read_bytes()))
    writer.start()
    assert verify.main([str(film.with_name("pipe")), "--filter", "blur", "--processes", "2", "--quiet"]) == 0
    writer.join()
    assert "films (SHA-256): the same" in capsys.readouterr().out


def test_a_filter_whose_result_depends_on_its_process(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = film.with_name("tint.py")
    code.write_text(PROCESS_COLOURED)
    assert verify.main([str(film), "--filter", f"custom:file={code}", "--processes", "2", "--quiet"]) == 1
    frames, films = capsys.readouterr().out.splitlines()
    assert frames.startswith("frames before encoding: DIFFERENT: in ")
    assert "chunks, the first is number " in frames
    assert films.startswith("films (SHA-256): DIFFERENT: ")
