"""Interlaced frames: two fields, taken one after the other, in turns of rows.

What lies side by side in such a frame is of two moments, so what looks at neighbouring pixels must see each field as a
picture of its own. The fields are views with twice the stride: nothing is copied, and what is written into them lies in
the frame. Only where rows of chroma do not come in pairs (4:2:0 of a height that four does not divide) the bottom
field lacks one; its last row then counts double, in memory of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from vidproc.errors import FilterError
from vidproc.filters.contract import PROGRESSIVE, Array, Picture, Window
from vidproc.filters.formats import plane_shapes


def is_interlaced(picture: Picture) -> bool:
    """Whether it has two fields; a single row is none."""
    return picture.field_order != PROGRESSIVE and picture.height > 1


def ordered(picture: Picture, field_order: str) -> Picture:
    """The picture, with this order of its fields."""
    return picture if picture.field_order == field_order else replace(picture, field_order=field_order)


def by_field(work: Callable[[Window, Picture], Picture], window: Window, room: Picture) -> Picture:
    """`work(window, room)`, done on the top fields and on the bottom fields; the result lies in `room` if theirs does.

    Raises `FilterError` where the two results have different formats.
    """
    rooms = _apart(room)
    results = [
        work(tuple(_field(each, parity) if each else None for each in window), place)
        for parity, place in enumerate(rooms)
    ]
    return _together(results, room)


def each_field(work: Callable[[Picture, Picture], Picture], picture: Picture, room: Picture) -> Picture:
    """The same for work on one picture, without neighbours."""

    def alone(window: Window, place: Picture) -> Picture:
        (seen,) = window
        assert seen is not None
        return work(seen, place)

    return by_field(alone, (picture,), room)


def _apart(picture: Picture) -> tuple[Picture, Picture]:
    return _field(picture, 0), _field(picture, 1)


def _field(picture: Picture, parity: int) -> Picture:
    """The top (0) or the bottom field, as a progressive picture."""
    shapes = plane_shapes(picture.format, (picture.height + 1 - parity) // 2, picture.width)
    planes = zip(picture.planes, shapes, strict=True)
    return Picture(picture.format, tuple(_rows(plane, parity, shape[0]) for plane, shape in planes))


def _rows(plane: Array, parity: int, wanted: int) -> Array:
    rows = plane[parity::2]
    if len(rows) == wanted:
        return rows
    last = rows[-1:] if len(rows) else plane[-1:]
    return np.concatenate([rows, last])


def _together(results: Sequence[Picture], room: Picture) -> Picture:
    top, bottom = results
    if top.format != bottom.format:
        raise FilterError(f"the fields of a frame became {top.format} and {bottom.format}")
    frame = room if top.format == room.format else _like(top, room.height)
    for parity, result in enumerate(results):
        for source, target in zip(result.planes, frame.planes, strict=True):
            rows = target[parity::2]
            if source.ctypes.data != rows.ctypes.data:
                np.copyto(rows, source[: len(rows)])
    return frame


def _like(picture: Picture, height: int) -> Picture:
    """A frame of so many rows, with undefined pixels."""
    shapes = plane_shapes(picture.format, height, picture.width)
    kinds = [plane.dtype for plane in picture.planes]
    return Picture(picture.format, tuple(np.empty(*each) for each in zip(shapes, kinds, strict=True)))
