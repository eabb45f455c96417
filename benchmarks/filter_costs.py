"""What a filter takes a frame, beside the calls of OpenCV that have the same result.

The two take turns on the same frames in one process with one thread, in turns of some tens of milliseconds, and
processor time counts, so a machine that is busy with other things does little harm. A ratio is formed in each pair of
turns; every other pair begins with the other one.

    python -m benchmarks.filter_costs CLIP
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.plain import COUNTERPARTS, Counterpart, Planes
from vidproc import filters
from vidproc.filters.contract import Filter, Picture, Shape
from vidproc.filters.memory import Reset
from vidproc.media import ffmpeg
from vidproc.media.convert import Converter
from vidproc.media.pictures import new_picture
from vidproc.model import Colour, FilterSpec, ParamValue

_FRAMES = 6
_TURN_S = 0.03
_LEAST_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor milliseconds a frame, of the filter and of plain OpenCV, and the ratio's median, least and most.

    middle: the quartiles of the ratios. same: whether both had the same result, sample for sample.
    """

    filter: str
    ours_ms: float
    plain_ms: float
    ratio: float
    middle: tuple[float, float]
    same: bool


@dataclass(frozen=True, slots=True)
class _Both:
    """The filter and its counterpart, on each of the frames in turn."""

    ours: Callable[[], object]
    plain: Callable[[], object]
    same: bool


def measure(counterpart: Counterpart, frames: Sequence[Picture], convert: Converter, seconds: float) -> Cost:
    """For about so long, but at least some turns."""
    both = _prepared(counterpart, [convert.convert(frame, counterpart.format) for frame in frames], convert)
    times = max(1, round(_TURN_S / _turn(both.ours, 1)))
    ends, pairs = time.perf_counter() + seconds, []
    for number in itertools.count():
        if number >= _LEAST_PAIRS and time.perf_counter() > ends:
            break
        turns = (both.ours, both.plain) if number % 2 else (both.plain, both.ours)
        taken = [_turn(turn, times) for turn in turns]
        pairs.append(taken if number % 2 else taken[::-1])
    ratios = sorted(ours / plain for ours, plain in pairs)
    quartiles = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
    ours, plain = (1e3 * median(column) / times for column in zip(*pairs, strict=True))
    return Cost(counterpart.title, ours, plain, median(ratios), quartiles, both.same)


def _prepared(counterpart: Counterpart, frames: Sequence[Picture], convert: Converter) -> _Both:
    found, params = filters.find(FilterSpec(counterpart.filter, counterpart.params))
    wanted = {"rank": 0, "full_range": convert.is_full(counterpart.format), "interlaced": False}
    known = {**params, **{name: wanted[name] for name in found.wanted(params)}, **_state(found, params)}
    shape = found.shape_after(Shape(frames[0].width, frames[0].height), params)
    form = found.gives or counterpart.format
    mine, theirs = (new_picture(form, shape.width, shape.height) for _ in range(2))
    pairs = [(before, now) for before, now in itertools.pairwise(frames)]
    windows: list[Any] = [(before, now) if found.window == (-1, 0) else (now,) for before, now in pairs]
    on_frames = counterpart.plain()
    mine_next, theirs_next = itertools.cycle(windows), itertools.cycle(pairs)

    def ours() -> Picture:
        result: Picture = found.apply(next(mine_next), mine, **known)
        return result

    def plain() -> Planes:
        before, now = next(theirs_next)
        on_frames(before.planes, now.planes, theirs.planes)
        return theirs.planes

    results = ours().planes, plain()
    return _Both(ours, plain, all(np.array_equal(one, other) for one, other in zip(*results, strict=True)))


def _state(found: Filter, params: Mapping[str, ParamValue]) -> dict[str, Any]:
    """What `apply` gets of a filter's memory; the turns take less time than it lasts."""
    match found.remembers(params):
        case None:
            return {}
        case Reset(begin=begin):
            return {"state": begin(**params)}
        case other:
            raise NotImplementedError(f"{found.title} remembers what this can't provide: {other}")


def _turn(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return time.process_time() - began


def first_frames(clip: Path) -> tuple[list[Picture], Converter]:
    """A few frames of the clip, and what converts them. The clip is 8-bit planar 4:2:0."""
    with av.open(str(clip)) as film:
        decoded = list(itertools.islice(film.decode(video=0), _FRAMES))
    convert = Converter(Colour(), decoded[0].width, decoded[0].height)
    return [convert.picture(frame) for frame in decoded], convert


def costs(clip: Path, seconds: float) -> Iterator[Cost]:
    """Of all filters that have a counterpart."""
    frames, convert = first_frames(clip)
    return (measure(counterpart, frames, convert, seconds) for counterpart in COUNTERPARTS)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filter_costs", description=__doc__.partition("\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each filter (default: 3)")
    given = parser.parse_args(argv)
    cv2.setNumThreads(1)
    ffmpeg.silence()
    for cost in costs(given.clip, given.seconds):
        print(json.dumps(asdict(cost)), flush=True)


if __name__ == "__main__":
    main()
