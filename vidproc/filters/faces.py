"""Faces: drawing a box around them, or making them unrecognisable.

Some frames are looked at, and `vidproc.filters.tracks` says where the faces are in between. Who hides a face would
rather hide too much: then fewer votes are enough, a box is wider, and it stays for a whole interval where it may or may
not be needed; a box that is only drawn stays for half of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vidproc.filters.contract import Apply, Filter, Param, Picture
from vidproc.filters.formats import LARGEST_SIDE
from vidproc.filters.haar import find
from vidproc.filters.kinds import Kinds
from vidproc.filters.memory import Look
from vidproc.filters.regions import COLORS, Region, codes_of, outline, pixelate, soften
from vidproc.filters.tracks import Box, Sighting, boxes, reach
from vidproc.filters.writing import copy

Seen = Mapping[int, tuple[Sighting, ...]]


def _look(picture: Picture, *, scale: float, least: int, **others: Any) -> tuple[Sighting, ...]:
    return find(picture, scale, least)


def _memory(*, every: int, **others: Any) -> Look:
    return Look(_look, every, reach(every))


def _regions(
    seen: Seen, rank: int, hold: float, *, every: int, neighbours: int, margin: float, **others: Any
) -> list[Region]:
    """Where the faces of this frame are; `hold` is how many intervals a box outlasts its sightings."""
    return [_widened(box, margin) for box in boxes(seen, rank, every, neighbours, hold * every)]


def _widened(box: Box, margin: float) -> Region:
    """The whole pixels of a box that is wider and higher by `margin` of itself on each side."""
    wide, high = margin * box.width, margin * box.height
    right, bottom = box.left + box.width + wide, box.top + box.height + high
    return Region(math.floor(box.left - wide), math.floor(box.top - high), math.ceil(right), math.ceil(bottom))


def draw(
    window: tuple[Picture], out: Picture, *, seen: Seen, rank: int, full_range: bool, thickness: int, color: str,
    **search: Any,
) -> Picture:  # fmt: skip
    """The picture with the outline of a box around each face, in `out`."""
    (picture,) = window
    copy(picture.planes, out.planes)
    codes = codes_of(color, picture.format, full_range)
    wide = thickness or max(2, round(min(picture.width, picture.height) / 200))
    for region in _regions(seen, rank, 0.5, **search):
        outline(out, region, wide, codes)
    return out


def pixelated(window: tuple[Picture], out: Picture, *, seen: Seen, rank: int, cells: int, **search: Any) -> Picture:
    """The picture with squares in place of each face, in `out`."""
    (picture,) = window
    copy(picture.planes, out.planes)
    for region in _regions(seen, rank, 1, **search):
        pixelate(out, region, (region.right - region.left) / cells)
    return out


def blurred(window: tuple[Picture], out: Picture, *, seen: Seen, rank: int, sigma: float, **search: Any) -> Picture:
    """The picture with each face blurred, in `out`."""
    (picture,) = window
    copy(picture.planes, out.planes)
    for region in _regions(seen, rank, 1, **search):
        soften(out, region, sigma * (region.right - region.left))
    return out


def _kind(name: str, help: str, apply: Apply, wants: tuple[str, ...], margin: float, votes: int, *own: Param) -> Filter:
    return Filter(
        name="faces",
        help=help,
        formats=("yuv", "gray", "bgr24"),
        apply=apply,
        params=(
            *own,
            Param("margin", margin, "widen boxes on each side by such a part of themselves", low=0, high=2),
            Param("neighbours", votes, "votes a face needs; fewer find more faces, and more that are none", 1, 100),
            Param("scale", 1.2, "step from one size of face that is looked for to the next", low=1.05, high=2),
            Param("least", 0, "the smallest face, in pixels; 0: a sixteenth of the shorter side", 0, LARGEST_SIDE),
            Param("every", 4, "look for faces in every so many frames, and follow them in between", low=1, high=30),
        ),
        kind=name,
        wants=wants,
        memory=_memory,
    )


DRAW = _kind(
    "draw",
    "Draw a box around each face.",
    draw,
    ("rank", "full_range"),
    0.0,
    4,
    Param("color", "green", "colour of the boxes", choices=tuple(COLORS)),
    Param("thickness", 0, "thickness of the lines in pixels; 0: by the picture's size", low=0, high=100),
)
BLUR = _kind(
    "blur",
    "Blur each face.",
    blurred,
    ("rank",),
    0.2,
    3,
    Param("sigma", 0.15, "standard deviation of the blur, as a part of the box's width", low=0.01, high=1),
)
PIXELATE = _kind(
    "pixelate",
    "Put a few large squares in place of each face.",
    pixelated,
    ("rank",),
    0.2,
    3,
    Param("cells", 6, "squares across a box", low=1, high=64),
)

FILTER = Kinds("Find faces that look toward the camera.", "what to do with them", (DRAW, BLUR, PIXELATE))
