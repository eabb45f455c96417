"""Which pixel format each filter of a chain gets.

A shortest path: between the source's format and the target's lies one choice a filter, a conversion costs what it
loses and then what it takes, and the cheapest way through wins. Losses are weighed so that they come first: colour is
given up only for a filter that works on gray alone, and 10 bits only where nothing on the way can carry them. Among
equals the source's own format wins, so what must be lost is lost as late as possible.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidproc.filters.contract import Filter
from vidproc.filters.formats import family, works_on, yuv_layout

# About microseconds for a frame of 1920x1080 on one core. Whole numbers, so that equal ways have equal sums.
_WORK = {
    ("yuv", "gray"): 600,
    ("gray", "yuv"): 700,
    ("yuv", "bgr24"): 2000,
    ("bgr24", "yuv"): 1500,
    ("yuv", "yuv"): 1500,
    ("gray", "bgr24"): 500,
    ("bgr24", "gray"): 2100,
}
# What a filter itself takes by family, by the number of samples: gray has one a pixel, 4:2:0 one and a half.
_FILTERING = {"gray": 1000, "yuv": 1500, "bgr24": 3000}

_COLOUR_LOST = 1_000_000
_DEPTH_LOST = 100_000
_CHROMA_LOST = 50_000
_GAMUT_LOST = 20_000  # YUV holds colours that RGB clips


def conversion_cost(source: str, target: str) -> int:
    """What it costs to turn a picture of one format into the other; 0 for the same shape of planes."""
    if _same_planes(source, target):
        return 0
    return _WORK[family(source), family(target)] + _loss(source, target)


def negotiate(filters: Sequence[Filter], source: str, target: str) -> tuple[str, ...]:
    """The format for each filter, in order. Raises `ValueError` if one declares no format that pictures can have."""
    best: dict[str, tuple[int, tuple[str, ...]]] = {source: (0, ())}
    for each in filters:
        best = {
            choice: min((_step(cost, path, source_of, choice) for source_of, (cost, path) in best.items()), key=_cost)
            for choice in _choices(each, source, target)
        }
        if each.gives:
            best = {each.gives: min(best.values(), key=_cost)}
    ends = ((cost + conversion_cost(last, target), path) for last, (cost, path) in best.items())
    return min(ends, key=_cost)[1]


def _step(cost: int, path: tuple[str, ...], before: str, choice: str) -> tuple[int, tuple[str, ...]]:
    return cost + conversion_cost(before, choice) + _FILTERING[family(choice)], (*path, choice)


def _cost(way: tuple[int, tuple[str, ...]]) -> int:
    return way[0]


def _choices(filter_: Filter, source: str, target: str) -> tuple[str, ...]:
    # Of two names for the same planes the target's is the better one: the encoder's own memory has it.
    ends = (target, source) if _same_planes(source, target) else (source, target)
    concrete = dict.fromkeys((*ends, "gray", "bgr24"))
    if family(source) != "yuv" and family(target) != "yuv":
        concrete["yuv444p"] = None
    choices = tuple(name for name in concrete if works_on(filter_.formats, name))
    if not choices:
        raise ValueError(f"{filter_.name} declares formats {filter_.formats!r}; they may be yuv, gray and bgr24")
    return choices


def _same_planes(source: str, target: str) -> bool:
    one, other = yuv_layout(source), yuv_layout(target)
    if one is None or other is None:
        return source == target
    return (one.across, one.down, one.bits) == (other.across, other.down, other.bits)


def _loss(source: str, target: str) -> int:
    one, other = yuv_layout(source), yuv_layout(target)
    lost = 0
    if target == "gray":
        lost += _COLOUR_LOST
    if one is not None and one.bits > (other.bits if other else 8):
        lost += _DEPTH_LOST
    if one is not None and target == "bgr24":
        lost += _GAMUT_LOST
    if other is not None and source == "bgr24" and other.across * other.down > 1:
        lost += _CHROMA_LOST
    if one is not None and other is not None and one.across * one.down < other.across * other.down:
        lost += _CHROMA_LOST
    return lost
