"""Running one filter on one picture, as the pipeline does."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tests.filters.pictures import bits_of, room_like
from tests.filters.sample_files import chosen
from vidproc.filters.contract import Filter, Picture, Shape
from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.media import colour as colours
from vidproc.media.convert import Converter
from vidproc.model import Colour
from vidproc.pipelines.recall import recall

FORMATS = ("yuv420p", "yuvj420p", "yuv422p10le", "gray", "bgr24")
YUV = ("yuv420p", "yuvj420p", "yuv422p10le", "yuv444p16le")


def is_full(name: str) -> bool:
    """Of a film that says nothing of its range."""
    layout = yuv_layout(name)
    return layout is None or layout.full_range


def from_bgr(name: str) -> tuple[tuple[float, ...], ...]:
    """Of a film of BT.601 that says nothing of its range."""
    return Converter(Colour(matrix=colours.BT601, range=colours.FULL if is_full(name) else 0), 64, 48).from_bgr(name)


def applied(
    name: str, *window: Picture | None, rank: int = 0, time: Fraction = Fraction(0), **params: Any
) -> Picture:
    """What the filter makes of its window, or of one picture beside which no frames exist; it may not write into it."""
    return _applied(name, window, rank, params, time)[0]


def written(name: str, *window: Picture | None, **params: Any) -> Picture:
    """The same, which must have been written into the room that the filter is given."""
    result, place = _applied(name, window, 0, params)
    assert result is place
    return result


def _applied(
    name: str, given: tuple[Picture | None, ...], rank: int, params: dict[str, Any], time: Fraction = Fraction(0)
) -> tuple[Picture, Picture]:
    """The result, and the room that the filter was given for it."""
    filter_, resolved = chosen(name, params)
    before, after = filter_.window
    window = given if len(given) > 1 else (*[None] * -before, *given, *[None] * after)
    here = window[-before]
    assert here is not None
    for plane in here.planes:
        plane.flags.writeable = False
    shape = filter_.shape_after(Shape(here.width, here.height), resolved)
    known = {
        "rank": rank,
        "full_range": is_full(here.format),
        "interlaced": False,
        "from_bgr": from_bgr(here.format),
        "time": time,
    }
    wanted = {key: known[key] for key in filter_.wanted(resolved)} | remembered(filter_, resolved, here, rank)
    place = room(filter_.gives or here.format, shape.width, shape.height)
    result: Picture = filter_.apply(window, place, **resolved, **wanted)
    assert (result.width, result.height) == (shape.width, shape.height)
    return result, place


def remembered(filter_: Filter, params: Mapping[str, Any], here: Picture, rank: int) -> dict[str, Any]:
    """What its memory gives a filter for a film's first frame."""
    remembers = filter_.remembers(params)
    memory = recall(remembers, lambda _, function, *args: function(*args, **params), range(rank, rank + 1))
    if memory.looks_at(rank):
        memory.note(rank, here)
    return memory.of(rank)


def room(name: str, width: int, height: int) -> Picture:
    kind = np.uint8 if bits_of(name) == 8 else np.uint16
    shapes = plane_shapes(name, height, width)
    return room_like(Picture(name, tuple(np.zeros(shape, kind) for shape in shapes)))


def same(one: Picture, other: Picture) -> bool:
    return one.format == other.format and all(
        np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True)
    )
