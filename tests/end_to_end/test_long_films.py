"""Memory does not grow with the film, but for a few numbers a frame in the process that reads and writes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.long_films import RATE, long_film
from tests.end_to_end.programs import BIN

pytestmark = [pytest.mark.process, pytest.mark.long]

MOST_A_FRAME = 400
"""Bytes, in the coordinator and its media process: our own times, and FFmpeg's tables of what it reads and writes."""


def figures(folder: Path, minutes: int) -> dict[str, Any]:
    """Of a film that is filtered in processes of its own."""
    film, told = long_film(folder / f"{minutes}.mp4", minutes), folder / f"{minutes}.json"
    words = ["--filter", "blur", "--encoder-preset", "ultrafast", "--crf", "4", "--processes", "1", "--quiet"]
    places = [film, "-o", folder / "out.mp4", "--overwrite", "--metrics-json", told]
    subprocess.run([BIN / "vidproc-run", *places, *words], check=True)
    found: dict[str, Any] = json.loads(told.read_text())
    assert found["frames_out"] == minutes * 60 * RATE
    return found


def test_a_longer_film_takes_hardly_more_memory(tmp_path: Path) -> None:
    short, long = figures(tmp_path, 5), figures(tmp_path, 60)  # allocators alone make 6 MiB more or less
    more_frames = long["frames_out"] - short["frames_out"]
    more = {who: (long["memory_mb"][who] - short["memory_mb"][who]) * 2**20 for who in ("coordinator", "here")}
    assert more["coordinator"] < MOST_A_FRAME * more_frames < min(long["bytes_in"], long["bytes_out"]) / 2
    assert more["here"] < 4 * 2**20
