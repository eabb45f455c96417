"""Where things are in every frame, from sightings in some of them.

A detector that looks at each frame alone is slow, and its boxes tremble and vanish. Here it looks at some frames, and
the rest follows: sightings of neighbouring looks are linked to tracks, a track stands if it has votes enough on
average, and its box in any frame is a local fit over the looks around it, so one that missed the thing is bridged.
Later looks are known as well as earlier ones: nothing lags behind, nothing drifts, and the result is a function of the
looks alone.

The fit is local regression (Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", 1979): a
parabola through the sightings, those near in time weighing most. A straight line cuts the corners of quick movements.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Box(NamedTuple):
    """A rectangle in pixels of the picture."""

    left: float
    top: float
    width: float
    height: float


class Sighting(NamedTuple):
    """A box that a detector found, and by how many votes."""

    left: float
    top: float
    width: float
    height: float
    votes: int


class _Seen(NamedTuple):
    rank: int
    look: int
    sighting: Sighting


_Track = tuple[_Seen, ...]
_Looks = tuple[tuple[int, tuple[Sighting, ...]], ...]

_AROUND = 2
"""So many looks beyond those next to a frame have a say in it."""

_FARTHEST = 2.5  # own widths from where a thing was expected, a look
_LIKEST = 1.5  # times as wide at most, a look
_BANDWIDTH = _AROUND + 1  # looks; a sighting farther off has no weight, so one that comes within reach makes no jump
_RIDGES = 1e-3, 1e-2  # on slope and curvature: one or two sightings are enough, and a third one bends little at first


def reach(every: int) -> tuple[int, int]:
    """Offsets (before, after) of the looks that `boxes` needs, when each `every`-th frame is looked at."""
    farthest = (_AROUND + 1) * every - 1
    return -farthest, farthest


def boxes(seen: Mapping[int, tuple[Sighting, ...]], rank: int, every: int, votes: int, hold: float) -> list[Box]:
    """The boxes in frame `rank`.

    seen: what was found in the frames that were looked at, the first of them at or before `rank`.
    votes: how many a track needs for each look it spans, on average; one with a single sighting needs twice as many.
    hold: frames for which a box stays before the first and after the last sighting, as far as no look says otherwise.
    """
    before = max(at for at in seen if at <= rank)
    after = min((at for at in seen if at >= rank), default=None)
    first, last = before - _AROUND * every, (before if after is None else after) + _AROUND * every
    looks = tuple((at, found) for at, found in seen.items() if first <= at <= last)
    tracks = (track for track in _tracks(looks, every) if _stands(track, votes))
    return [_smoothed(track, rank, every) for track in tracks if _is_there(track, rank, before, after, hold)]


def _stands(track: _Track, votes: int) -> bool:
    spanned = track[-1].look - track[0].look + 1
    return sum(seen.sighting.votes for seen in track) >= votes * max(2, spanned)


def _is_there(track: _Track, rank: int, before: int, after: int | None, hold: float) -> bool:
    first, last = track[0].rank, track[-1].rank
    if after is None:
        return last >= before
    return last >= before and first <= after and max(first - rank, rank - last) <= hold


@functools.lru_cache(maxsize=4)
def _tracks(looks: _Looks, every: int) -> tuple[_Track, ...]:
    """The sightings, linked through time."""
    tracks: list[_Track] = []
    for number, (rank, sightings) in enumerate(looks):
        seen = [_Seen(rank, number, sighting) for sighting in sightings]
        links = _links(tracks, seen, every)
        tracks = [(*track, seen[links[i]]) if i in links else track for i, track in enumerate(tracks)]
        tracks += [(each,) for j, each in enumerate(seen) if j not in links.values()]
    return tuple(tracks)


def _links(tracks: list[_Track], seen: list[_Seen], every: int) -> dict[int, int]:
    """Which track goes on with which sighting: the nearest find each other first."""
    links: dict[int, int] = {}
    for _, i, j in sorted(_possible(tracks, seen, every)):
        if i not in links and j not in links.values():
            links[i] = j
    return links


def _possible(tracks: list[_Track], seen: list[_Seen], every: int) -> Iterator[tuple[float, int, int]]:
    for i, track in enumerate(tracks):
        for j, each in enumerate(seen):
            looks = (each.rank - track[-1].rank) / every
            distance = _distance(track, each)
            if each.look - track[-1].look <= _AROUND and distance <= _FARTHEST * looks and _alike(track, each, looks):
                yield distance, i, j


def _alike(track: _Track, seen: _Seen, looks: float) -> bool:
    one, other = track[-1].sighting.width, seen.sighting.width
    return max(one, other) <= min(one, other) * math.pow(_LIKEST, max(looks, 1))


def _distance(track: _Track, seen: _Seen) -> float:
    """From where the track would be if it went on as it did, in widths."""
    last = track[-1]
    (x, y), (seen_x, seen_y) = _centre(last.sighting), _centre(seen.sighting)
    if len(track) > 1:
        share = (seen.rank - last.rank) / (last.rank - track[-2].rank)
        before_x, before_y = _centre(track[-2].sighting)
        x, y = x + share * (x - before_x), y + share * (y - before_y)
    return math.hypot(seen_x - x, seen_y - y) / max(last.sighting.width, seen.sighting.width)


def _centre(box: Sighting) -> tuple[float, float]:
    return box.left + box.width / 2, box.top + box.height / 2


def _smoothed(track: _Track, rank: int, every: int) -> Box:
    """The track's box at this rank; beyond its ends it goes on as it went."""
    weights = _weights([(seen.rank - rank) / (_BANDWIDTH * every) for seen in track])
    edges = zip(*(seen.sighting[:4] for seen in track), strict=True)
    return Box(*(sum(weight * value for weight, value in zip(weights, edge, strict=True)) for edge in edges))


def _weights(offsets: list[float]) -> list[float]:
    """How much each sighting counts in the fit at offset 0. Plain arithmetic: every machine gives the same bits."""
    near = [max(0.0, 1 - abs(u) ** 3) ** 3 for u in offsets]
    s0, s1, s2, s3, s4 = (sum(w * u**power for w, u in zip(near, offsets, strict=True)) for power in range(5))
    s2_, s4 = s2 + _RIDGES[0], s4 + _RIDGES[1]
    # The first column of the inverse of the normal equations' matrix, [[s0, s1, s2], [s1, s2_, s3], [s2, s3, s4]].
    c0, c1, c2 = s2_ * s4 - s3 * s3, s2 * s3 - s1 * s4, s1 * s3 - s2 * s2_
    whole = s0 * c0 + s1 * c1 + s2 * c2
    return [w * (c0 + c1 * u + c2 * u * u) / whole for w, u in zip(near, offsets, strict=True)]
