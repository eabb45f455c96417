"""Grading by a table, against FFmpeg's own filter and against the table itself."""

from __future__ import annotations

from pathlib import Path

import av
import av.filter
import numpy as np
import pytest

from tests.filters.applying import applied, same, written
from tests.filters.pictures import noise
from tests.filters.sample_files import cube
from vidproc.filters import cube as cubes
from vidproc.filters.contract import Picture


def by_ffmpeg(picture: Picture, path: Path) -> np.ndarray:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=av.VideoFormat("bgr24"), time_base="1/25"
    )
    grade, sink = graph.add("lut3d", f"{path}:interp=tetrahedral"), graph.add("buffersink")
    source.link_to(grade)
    grade.link_to(sink)
    graph.configure()
    graph.push(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.array), format="bgr24"))
    return graph.pull().to_ndarray(format="bgr24")  # type: ignore[union-attr]


@pytest.mark.parametrize("points", [2, 17, 33])
def test_as_ffmpeg_grades_it(tmp_path: Path, points: int) -> None:
    """Within the level by which FFmpeg rounds down."""
    path, picture = tmp_path / "a.cube", noise("bgr24", 201, 99)
    path.write_bytes(cube(points))
    difference = by_ffmpeg(picture, path).astype(int) - written("lut", picture, file=cube(points)).array
    assert difference.min() >= -1
    assert difference.max() <= 0


def test_each_level_is_the_nearest_to_what_the_table_says() -> None:
    picture = noise("bgr24", 64, 48)
    truth = cubes.read(cube()).of(picture.array.reshape(-1, 3)[:, ::-1] / 255)[:, ::-1] * 255
    found = applied("lut", picture).array.reshape(-1, 3)
    assert np.abs(found - np.clip(truth, 0, 255)).max() <= 0.5 + 1e-9


def test_strength_goes_from_nothing_to_all() -> None:
    picture = noise("bgr24", 64, 48)
    whole = applied("lut", picture).array.astype(float)
    assert same(applied("lut", picture, strength=0), picture)
    half = applied("lut", picture, strength=0.5).array
    assert np.abs(half - (picture.array + whole) / 2).max() <= 1


def test_what_was_seen_before_changes_nothing() -> None:
    """Colours are worked out as they come."""
    first, second = noise("bgr24", 300, 300), noise("bgr24", 300, 300, seed=1)
    file = cube(power=1.7)
    alone = applied("lut", second, file=file)
    applied("lut", first, file=file)
    assert same(applied("lut", second, file=file), alone)
