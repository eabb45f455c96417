"""Faces, drawn and hidden, while a film goes through: each frame of it, and wherever it is cut."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.moving_face import Film, drawn, pictures
from tests.filters.applying import FORMATS, applied, same
from tests.filters.pictures import noise
from tests.filters.test_determinism import threads
from tests.filters.test_haar import as_picture, showing
from tests.pipelines.stand_in import PlainConverter, decoded
from tests.pipelines.stand_in import same as same_films
from vidproc import filters
from vidproc.filters.contract import Picture
from vidproc.filters.faces import DRAW
from vidproc.filters.haar import find
from vidproc.filters.tracks import Box, boxes
from vidproc.model import FilterSpec, ParamValue
from vidproc.pipelines.plan import arrange

MOVING = Film(frames=61, width=320, height=240, pace=1.8, grain=4)
KINDS = ("draw", "blur", "pixelate")


@functools.cache
def moving() -> list[Picture]:
    return list(pictures(drawn(), MOVING))


def run(film: list[Picture], start: int, stop: int, **params: ParamValue) -> list[tuple[int, Picture]]:
    """The frames of a chunk, from just the frames that it reaches."""
    form = film[0].format
    pipeline = arrange([filters.find(FilterSpec("faces", params))], form, form)
    given_ = decoded(film, pipeline.reach.first(start), pipeline.reach.last(stop))
    return [
        (rank, Picture(form, tuple(plane.copy() for plane in picture.planes)))
        for rank, picture in pipeline.run(given_, start, stop, PlainConverter())
    ]


def overlap(one: Box, other: Box) -> float:
    wide = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    high = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(wide, 0) * max(high, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


@pytest.mark.parametrize("every", [1, 4, 6])
def test_a_moving_face_is_found_in_every_frame_and_nothing_else(every: int) -> None:
    params = DRAW.resolve({"every": every})
    seen = {rank: find(moving()[rank], params["scale"], 0) for rank in range(0, MOVING.frames, every)}
    found = [boxes(seen, rank, every, int(params["neighbours"]), every / 2) for rank in range(MOVING.frames)]
    right = [sum(overlap(box, MOVING.box(rank)) >= 0.5 for box in each) for rank, each in enumerate(found)]
    assert sum(map(bool, right)) >= 0.95 * MOVING.frames
    assert sum(map(len, found)) - sum(right) <= 0.02 * MOVING.frames


@functools.cache
def whole(kind: str) -> list[tuple[int, Picture]]:
    return run(moving(), 0, MOVING.frames, kind=kind)


@settings(max_examples=6)
@given(st.sets(st.integers(1, MOVING.frames - 1), max_size=6), st.sampled_from(KINDS))
def test_chunked_equals_sequential(cuts: set[int], kind: str) -> None:
    for start, stop in itertools.pairwise(sorted({0, MOVING.frames, *cuts})):
        assert same_films(run(moving(), start, stop, kind=kind), whole(kind)[start:stop])


@pytest.mark.parametrize("kind", KINDS)
def test_a_moving_face_is_changed_and_what_lies_about_it_is_not(kind: str) -> None:
    for (rank, after), before in zip(whole(kind), moving(), strict=True):
        left, top, width, _ = MOVING.box(rank)
        changed = after.planes[0] != before.planes[0]
        rows, columns = np.nonzero(changed)
        assert len(rows)
        assert top - 0.5 * width < rows.min() <= rows.max() < top + 1.5 * width
        assert left - 0.5 * width < columns.min() <= columns.max() < left + 1.5 * width


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_in_every_format_the_face_is_changed_in_every_plane(kind: str, name: str) -> None:
    before = as_picture(showing(96, 100, 60, 320, 240), name)
    after = applied("faces", before, kind=kind)
    assert after.format == name
    for now, then in zip(after.planes, before.planes, strict=True):
        assert (now != then).any()
        assert np.array_equal(now[:10], then[:10])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_face_every_bit_stays(kind: str, name: str) -> None:
    before = noise(name, 160, 120)
    assert same(applied("faces", before, kind=kind), before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_changes_nothing(kind: str) -> None:
    before = as_picture(showing(96, 100, 60, 640, 480), "yuv420p")
    with threads(1):
        alone = applied("faces", before, kind=kind)
    assert not same(alone, before)
    for number in (2, 5):
        with threads(number):
            assert same(applied("faces", before, kind=kind), alone)


def test_a_hidden_face_is_not_found_again() -> None:
    before = as_picture(showing(120, 90, 60, 320, 240), "yuv420p")
    assert find(before, 1.1, 0)
    for kind in ("blur", "pixelate"):
        assert not find(applied("faces", before, kind=kind), 1.1, 0)


def test_cells_are_as_many_as_asked_for() -> None:
    before = as_picture(showing(120, 90, 60, 320, 240), "gray")
    for cells in (2, 5, 16):
        after = applied("faces", before, kind="pixelate", cells=cells, margin=0).array
        row = after[120]
        changes = np.flatnonzero(np.diff(row[90:210].astype(int)))
        assert 0.5 * cells <= len(changes) <= cells + 2


def test_a_margin_widens_what_is_changed() -> None:
    before = as_picture(showing(100, 100, 60, 320, 240), "gray")
    widths = []
    for margin in (0, 0.5):
        _, columns = np.nonzero(applied("faces", before, margin=margin).array != before.array)
        widths.append(columns.max() - columns.min() + 1)
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)


def test_lines_have_the_colour_and_thickness_asked_for() -> None:
    before = as_picture(showing(100, 100, 60, 320, 240), "bgr24")
    for thickness in (1, 6):
        after = applied("faces", before, color="red", thickness=thickness).array
        changed = (after != before.array).any(-1)
        assert (after[changed] == (0, 0, 255)).all()
        assert changed[110].sum() == 2 * thickness
