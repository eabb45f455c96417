"""Tables of colours in .cube files: reading them, and looking colours up.

The format is Adobe's (Cube LUT Specification 1.0, 2013): keywords, then rows of red, green and blue. A 3D table has a
row for each point of a lattice, red changing fastest; a 1D table a curve for each channel. Resolve writes its ranges of
input in keywords of its own, and may put curves before a lattice in one file.

Between the points of a lattice colours are interpolated in the tetrahedron of four points around them (J. M. Kasson, S.
I. Nin, W. Plouffe and J. L. Hafner, 'Performing color space conversions with three-dimensional linear interpolation',
Journal of Electronic Imaging 4(3), 1995), as FFmpeg's `lut3d` does: grays stay on the lattice's diagonal.
"""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidproc.filters.file_type import FileType

Colours = NDArray[np.float64]
"""Rows of red, green and blue; 0 is black and 1 is white."""

_MOST_POINTS = {"LUT_1D_SIZE": 65536, "LUT_3D_SIZE": 128}


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """`points`: n^3 rows of a lattice, red fastest, or n rows of curves; `low` and `high` are the inputs that the first
    and the last point stand for."""

    size: int
    points: Colours
    low: Colours
    high: Colours

    def _places(self, colours: Colours) -> Colours:
        """In points, from 0 to size - 1. What lies beyond is as at the edge."""
        places: Colours = np.clip((colours - self.low) / (self.high - self.low), 0, 1) * (self.size - 1)
        return places


class _Curves(_Table):
    def of(self, colours: Colours) -> Colours:
        places, points = self._places(colours), np.arange(self.size)
        return np.column_stack([np.interp(places[:, c], points, self.points[:, c]) for c in range(3)])


class _Lattice(_Table):
    def of(self, colours: Colours) -> Colours:
        """From the corner of the cell that is nearest to black to the one opposite, along the axes by how far the
        colour lies along each: these four corners are the tetrahedron's."""
        places = self._places(colours)
        cells = np.minimum(places.astype(np.intp), self.size - 2)
        within = places - cells
        order = np.argsort(-within, axis=1, kind="stable")
        shares = np.take_along_axis(within, order, axis=1)
        strides = np.array([1, self.size, self.size**2])
        corner = (cells * strides).sum(axis=1)
        found: Colours = self.points[corner] * (1 - shares[:, :1])
        for n, rest in enumerate((shares[:, 1:2], shares[:, 2:3], np.zeros_like(shares[:, :1]))):
            corner = corner + strides[order[:, n]]
            found += self.points[corner] * (shares[:, n : n + 1] - rest)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Cube:
    """What a file says: its tables, one after the other."""

    tables: tuple[_Curves | _Lattice, ...]

    def of(self, colours: Colours) -> Colours:
        """The colours that these become; black is 0 and white 1, and tables may give more or less."""
        for table in self.tables:
            colours = table.of(colours)
        return colours


@dataclass(slots=True)
class _Text:
    """A file's text, taken apart: keywords with their values and lines, and the numbers of all rows."""

    keywords: dict[str, tuple[list[str], int]] = field(default_factory=dict)
    numbers: array[float] = field(default_factory=lambda: array("d"))


def read(data: bytes) -> Cube:
    """The tables in a file. Raises `ValueError` naming the line."""
    if b"\0" in data:
        raise ValueError("this is no .cube file: it is no text")
    text = _taken_apart(data)
    sizes = {name: _size(text, name, most) for name, most in _MOST_POINTS.items() if name in text.keywords}
    if not sizes:
        raise ValueError("this is no .cube file: it has neither LUT_1D_SIZE nor LUT_3D_SIZE")
    curves, lattice = sizes.get("LUT_1D_SIZE", 0), sizes.get("LUT_3D_SIZE", 0)
    wanted, rows = curves + lattice**3, np.array(text.numbers).reshape(-1, 3)
    if len(rows) != wanted:
        raise ValueError(f"it has {len(rows)} rows of numbers, and its sizes want {wanted}")
    tables: list[_Curves | _Lattice] = []
    if curves:
        tables.append(_Curves(curves, rows[:curves], *_range(text, "LUT_1D_INPUT_RANGE", alone=not lattice)))
    if lattice:
        tables.append(_Lattice(lattice, rows[curves:], *_range(text, "LUT_3D_INPUT_RANGE", alone=not curves)))
    return Cube(tuple(tables))


CUBE = FileType((".cube",), ("text/plain",), read, memory=176 * 2**20)  # most of it what colours became


def _taken_apart(data: bytes) -> _Text:
    text = _Text()
    for number, words in _lines(data):
        if words[0][0].isalpha():
            text.keywords[words[0]] = (words[1:], number)
        else:
            text.numbers.extend(_numbers(words, 3, number))
    return text


def _lines(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The words of each line that says something, with its number from 1."""
    for number, line in enumerate(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", errors="replace"), 1):
        words = line.partition("#")[0].split()
        if words:
            yield number, words


def _numbers(words: list[str], count: int, line: int) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        said = " ".join(words)[:40]
        raise ValueError(f"line {line}: there must be {count} numbers, not {said!r}")
    return numbers


def _size(text: _Text, name: str, most: int) -> int:
    words, line = text.keywords[name]
    if len(words) != 1 or not words[0].isdecimal() or not 2 <= int(words[0]) <= most:
        raise ValueError(f"line {line}: {name} must be a whole number from 2 to {most}")
    return int(words[0])


def _range(text: _Text, name: str, alone: bool) -> tuple[Colours, Colours]:
    """The inputs that a table is for: from a keyword of its own, or for the only table from the format's; else 0 to
    1."""
    low, high, line = [0.0] * 3, [1.0] * 3, 0
    if alone:
        for bound, keyword in ((low, "DOMAIN_MIN"), (high, "DOMAIN_MAX")):
            if keyword in text.keywords:
                words, line = text.keywords[keyword]
                bound[:] = _numbers(words, 3, line)
    if name in text.keywords:
        words, line = text.keywords[name]
        least, most = _numbers(words, 2, line)
        low, high = [least] * 3, [most] * 3
    found = np.array(low), np.array(high)
    if not (found[1] > found[0]).all():
        raise ValueError(f"line {line}: the table's range must go from less to more")
    return found
