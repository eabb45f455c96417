"""One frame that a filter can't do costs that frame: it falls back, and all others are as if it had been done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.end_to_end.programs import Cluster

pytestmark = pytest.mark.process

FRAMES = 60
CHUNK = 12
POISON = 17

_FILTER = """
import ctypes, os, time
import vidproc

@vidproc.filter(window={window})
def inverted(*frames):
    frame = frames[{here}]
    number = round(int(frame[0, 0, 0]) * 219 / 255 / 3)
    if number in {poison}:
        {deed}
    return 255 - frame
"""

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def numbered(films: Path) -> Path:
    """A lossless film whose frames are gray, each three levels brighter than the one before; keyframes every 12."""
    path = films / "numbered.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24, options={"g": str(CHUNK)})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(FRAMES):
            planes = np.full((96, 96), 128, np.uint8)
            planes[:64] = 16 + 3 * number
            out.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        out.mux(stream.encode(None))
    return path


def levels(path: Path) -> list[int]:
    """The brightness of each frame."""
    with av.open(str(path)) as film:
        return [int(frame.to_ndarray()[32, 48]) for frame in film.decode(video=0)]


def filter_file(folder: Path, deed: str, *poison: int, window: tuple[int, int] = (0, 0)) -> Path:
    path = folder / "mine.py"
    path.write_text(_FILTER.format(deed=deed, poison=poison, window=window, here=-window[0]))
    return path


def done(
    cluster: Cluster, film: Path, folder: Path, filter: Path, *words: object
) -> tuple[list[int], dict[str, Any]]:
    """The brightness of the result's frames, and the job's figures."""
    out, figures = folder / "out.mkv", folder / "figures.json"
    outcome = cluster.send(film, out, "--codec", "ffv1", "--filter", filter, "--metrics-json", figures, *words)
    assert outcome.code == 0, outcome.err
    return levels(out), json.loads(figures.read_text())


def expected(*poison: int) -> list[int]:
    """What is made of the film but for these frames, which are left as they were."""
    before = [16 + 3 * number for number in range(FRAMES)]
    return [level if number in poison else 235 + 16 - level for number, level in enumerate(before)]


DEEDS = {
    "raises": "raise ValueError('no')",
    "dies": "ctypes.string_at(0)",
    "leaves": "os._exit(3)",
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_that_frame_alone_is_left_as_it_was(shared: Cluster, numbered: Path, tmp_path: Path, deed: str) -> None:
    found, figures = done(shared, numbered, tmp_path, filter_file(tmp_path, deed, POISON))
    assert found == expected(POISON)
    assert figures["fallback_frames"]["total"] == 1
    assert list(figures["fallback_frames"]["by_frame"]) == [str(POISON)]
    assert not figures["reproducible"]
