"""Films whose filters change the size of the picture, from one end to the other."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.end_to_end.programs import run, sha256
from tests.media import clips
from vidproc.cli import explain

pytestmark = pytest.mark.process
CHAIN = ("--filter", "resize:width=80,height=40", "--filter", "rotate", "--filter", "text:size=9", "--filter", "motion")


def decoded(path: Path) -> Iterator[list[NDArray[Any]]]:
    """The planes of each frame."""
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            arrays = np.split(frame.to_ndarray(format="yuv420p").ravel(), np.cumsum(_samples(frame))[:-1])
            yield [array.reshape(shape) for array, shape in zip(arrays, _shapes(frame), strict=True)]


def _shapes(frame: av.VideoFrame) -> list[tuple[int, int]]:
    return [(plane.height, plane.width) for plane in frame.planes]


def _samples(frame: av.VideoFrame) -> list[int]:
    return [height * width for height, width in _shapes(frame)]


def test_the_film_has_the_size_and_the_pixels_that_its_filters_make(films: Path, tmp_path: Path) -> None:
    source, one, two = clips.make("anamorphic", films), tmp_path / "one.mp4", tmp_path / "two.mp4"
    with av.open(str(source)) as film:
        stream = film.streams.video[0]
        sar = Fraction(16, 11) * Fraction(40 * stream.width, 80 * stream.height)
    for out, processes in ((one, 1), (two, 2)):
        outcome = run(source, "-o", out, "--processes", processes, *CHAIN)
        assert outcome.code == 0, outcome.err
    with av.open(str(one)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio) == (40, 80, 1 / sar)
    assert len(list(decoded(one))) == len(list(decoded(source)))
    assert sha256(one) == sha256(two)


def test_the_pixels_are_those_of_the_source(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    assert run(film, "-o", out, "--crf", 0, "--filter", "crop:width=41,height=30,x=11,y=6").code == 0
    for before, after in zip(decoded(film), decoded(out), strict=True):
        assert after[0].shape == (30, 42), "padded to an even width"
        assert np.array_equal(after[0][:, :41], before[0][6:36, 10:51])
        assert np.array_equal(after[1], before[1][3:18, 5:26])


def test_a_film_that_changes_size_is_scaled_to_its_first_before_the_filters(films: Path, tmp_path: Path) -> None:
    out, figures = tmp_path / "out.mp4", tmp_path / "figures.json"
    source = clips.make("change of size", films)
    assert run(source, "-o", out, "--metrics-json", figures, "--filter", "crop:width=80").code == 0
    assert {planes[0].shape[1] for planes in decoded(out)} == {80}
    assert any("scaled from 64x48" in loss for loss in json.loads(figures.read_text())["losses"])


def test_a_phones_film_stays_turned_as_it_is(films: Path, tmp_path: Path) -> None:
    source, out = clips.make("rotation", films), tmp_path / "out.mp4"
    assert run(source, "-o", out, "--filter", "resize:width=48").code == 0
    for path in (source, out):
        with av.open(str(path)) as film:
            assert next(film.decode(video=0)).rotation == 90


def test_a_size_that_cannot_be_ends_the_job_with_a_reason(film: Path, tmp_path: Path) -> None:
    outcome = run(film, "-o", tmp_path / "out.mp4", "--filter", "crop:width=4000")
    assert outcome.code == 2
    assert "crop: width 4000, height 0, x -1, y -1 does not lie within the picture of" in outcome.complaint
    assert list(tmp_path.iterdir()) == []


def test_explain_tells_the_size(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([str(film), "--filter", "resize:width=51,height=38", "--filter", "rotate"]) == 0
    said = capsys.readouterr().out
    assert "h264 38x51 yuv420p" in said
    assert "loss:      the picture was padded from 38x51 to 38x52, as yuv420p demands" in said
    assert re.search(r"^memory:    a slot needs at most \d+ MiB$", said, re.MULTILINE)


def test_explain_reads_a_pipe_and_calls_it_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "film.mp4")
    writer = threading.Thread(target=lambda: (tmp_path / "film.mp4").write_bytes(b"no film"))
    writer.start()
    assert explain.main([str(tmp_path / "film.mp4")]) == 4
    writer.join()
    assert "error: film.mp4 is a text file" in capsys.readouterr().err


def test_a_dry_run_on_this_host_only_explains(film: Path, tmp_path: Path) -> None:
    asked = (film, "-o", tmp_path / "out.mp4", "--dry-run", "--filter", "blur")
    outcome, tight = run(*asked), run(*asked, "--memory-limit", "650MiB")
    assert (outcome.code, tight.code) == (0, 0)
    assert outcome.out == tight.out
    assert b"a slot needs at most" in outcome.out
    assert (outcome.err, tight.err) == ("", "warning:   --memory-limit leaves a slot 50 MiB of memory\n")
    assert list(tmp_path.iterdir()) == []


def test_explain_tells_what_filters_remember(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.main([str(film), "--filter", "motion:kind=mog2,every=56"]) == 0
    said = capsys.readouterr().out
    assert "motion kind=mog2: Remembers what came before, and begins anew every 56 frames.\n" in said
    assert "27 frames are needed by the chunk after their own too\n" in said
