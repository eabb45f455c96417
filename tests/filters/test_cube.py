"""Tables in .cube files: what they say, and on which line they are wrong."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.filters.sample_files import cube
from vidproc.filters.cube import Cube, read

RNG = np.random.default_rng(5)
COLOURS = np.vstack([RNG.random((500, 3)), list(itertools.product((0, 0.5, 1), repeat=3))])


def written(*lines: str) -> Cube:
    return read("\n".join(lines).encode())


def lattice(points: int, *header: str, seed: int = 0) -> tuple[Cube, NDArray[np.float64]]:
    """A table of chance, and its points by red, green and blue."""
    values = np.random.default_rng(seed).random((points, points, points, 3)).round(6)
    rows = (" ".join(map(str, values[r, g, b])) for b in range(points) for g in range(points) for r in range(points))
    return written(*header, f"LUT_3D_SIZE {points}", *rows), values


def tetrahedral(values: NDArray[np.float64], colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """One colour, by the four points: a weight for each step along the axes, the longest first."""
    places = colour * (len(values) - 1)
    at = np.minimum(places.astype(int), len(values) - 2)
    within = places - at
    result, last = values[tuple(at)].copy(), values[tuple(at)]
    for axis in sorted(range(3), key=lambda axis: -within[axis]):
        at[axis] += 1
        result += within[axis] * (values[tuple(at)] - last)
        last = values[tuple(at)]
    return result


@pytest.mark.parametrize("points", [2, 17, 33])
def test_colours_between_the_points_are_in_their_tetrahedron(points: int) -> None:
    table, values = lattice(points)
    truth = np.array([tetrahedral(values, colour) for colour in COLOURS])
    assert np.allclose(table.of(COLOURS), truth, rtol=0, atol=1e-9)


def test_the_points_themselves_are_met_and_red_changes_fastest() -> None:
    table, values = lattice(4)
    assert np.allclose(table.of(np.array([[1 / 3, 2 / 3, 1.0]])), values[1, 2, 3])


def test_a_range_of_input() -> None:
    """As the format says it for each channel, and as Resolve does for all; beyond it counts its edge."""
    table, _ = lattice(5)
    for header in (("DOMAIN_MIN -1 -1 -1", "DOMAIN_MAX 3 3 3"), ("LUT_3D_INPUT_RANGE -1.0 3.0",)):
        moved, _ = lattice(5, *header)
        assert np.allclose(moved.of(COLOURS * 4 - 1), table.of(COLOURS))
    narrow, _ = lattice(5, "DOMAIN_MIN 0.25 0 0")
    assert np.allclose(narrow.of(np.array([[0.1, 0.5, 0.5]])), table.of(np.array([[0.0, 0.5, 0.5]])))


def test_curves() -> None:
    table = written("LUT_1D_SIZE 3", "0 0 1", "0.5 0.1 0.5", "1 1 0")
    assert np.allclose(table.of(np.array([[0.25, 0.25, 0.25], [0.75, 0.5, 1.0]])), [[0.25, 0.05, 0.75], [0.75, 0.1, 0]])
    wide = written("LUT_1D_SIZE 2", "DOMAIN_MAX 2 2 2", "0 0 0", "1 1 1")
    assert np.allclose(wide.of(np.array([[1.0, 0.5, 0.0]])), [[0.5, 0.25, 0]])


def test_curves_before_a_lattice_as_resolve_writes_them() -> None:
    rows = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (1, 0)]
    table = written(
        "LUT_1D_SIZE 2", "LUT_1D_INPUT_RANGE 0 1", "LUT_3D_SIZE 2", "LUT_3D_INPUT_RANGE 0 2", "0 0 0", "2 1 0.5", *rows
    )
    assert np.allclose(table.of(np.array([[0.25, 0.5, 1.0]])), [[0.75, 0.25, 0.25]])


def test_comments_titles_blank_lines_and_foreign_line_ends() -> None:
    plain, data = read(cube()), cube().replace(b"\n", b"\r\n")
    dressed = b'\xef\xbb\xbf# made by hand\r\nTITLE "Look \xff #3"\r\n\r\n' + data + b"  # the last\r\n\r\n"
    assert np.array_equal(read(dressed).of(COLOURS), plain.of(COLOURS))


TWO = ["0 0 0", "1 1 1"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "this is no .cube file: it has neither LUT_1D_SIZE nor LUT_3D_SIZE"),
        (["LUT_1D_SIZE 2\0"], "this is no .cube file: it is no text"),
        (["LUT_1D_SIZE 1", "0 0 0"], "line 1: LUT_1D_SIZE must be a whole number from 2 to 65536"),
        (["", "LUT_3D_SIZE 129"], "line 2: LUT_3D_SIZE must be a whole number from 2 to 128"),
        (["LUT_3D_SIZE two"], "line 1: LUT_3D_SIZE must be a whole number from 2 to 128"),
        (["LUT_1D_SIZE 2", "0 0 0", "1 1"], "line 3: there must be 3 numbers, not '1 1'"),
        (["LUT_1D_SIZE 2", "0 0 0", "1 1 x"], "line 3: there must be 3 numbers, not '1 1 x'"),
        (["LUT_1D_SIZE 2", "0 0 0", "1 1 1e999"], "line 3: there must be 3 numbers, not '1 1 1e999'"),
        (["LUT_1D_SIZE 3", *TWO], "it has 2 rows of numbers, and its sizes want 3"),
        (["LUT_3D_SIZE 2", *TWO], "it has 2 rows of numbers, and its sizes want 8"),
        (["LUT_1D_SIZE 2", "DOMAIN_MIN 0 1 0", *TWO], "line 2: the table's range must go from less to more"),
        (["LUT_1D_SIZE 2", "DOMAIN_MAX 1 1", *TWO], "line 2: there must be 3 numbers, not '1 1'"),
        (["LUT_1D_SIZE 2", "LUT_1D_INPUT_RANGE 1 0", *TWO], "line 2: the table's range must go from less to more"),
        (["LUT_1D_SIZE 2", "DOMAIN_MAX 1 nan 1", *TWO], "line 2: there must be 3 numbers, not '1 nan 1'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(lines: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=r"line|rows|cube") as caught:
        written(*lines)
    assert str(caught.value) == words
