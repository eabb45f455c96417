"""The output's time: when each frame is shown and decoded, and how the other tracks move with the picture.

Presentation times are the source's own, tick for tick, with three exceptions, each said to the person who asked:

- a kept window begins at zero, and everything moves with it;
- neither container can show what lies before zero (MP4's edit lists cut that away, Matroska's clock has no sign), so a
  film that begins earlier is moved as a whole;
- a source that was joined from pieces starts its clock again with each; a file can't say that, so each later piece
  goes on where the one before ended.

Decode times are made for the whole film. With an encoder whose decode order runs `delay` frames behind presentation
order, the i-th packet is decoded at the time of the (i - delay)-th frame: strictly increasing because times are, and
never after the packet's own frame, which is at least the (i - delay)-th.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

FINEST = 1_000_000
"""Ticks a second at most: track durations in MP4 have 32 bits, and a microsecond is fine enough for anyone."""

DISORDER = 8
"""Frames that time may step back by within one piece. AVI gives no times to H.264, and those that FFmpeg makes up are
in decode order: the same times, in order, are the true ones."""


@dataclass(frozen=True, slots=True)
class Window:
    """The kept part of the film, [start, stop), in seconds of the source's clock."""

    start: Fraction
    stop: Fraction


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When the kept frames are shown, in the source's own ticks: of ranks `first` and on, one entry each."""

    times: Sequence[int]
    durations: Sequence[int]
    time_base: Fraction
    first: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the source with one clock: what its times are moved by, and when its picture begins in the output."""

    shift: Fraction
    begin: Fraction


class FilmClock:
    """Times of the output. `tick` is its unit in seconds; `pieces` are one, or what the source was joined from.

    `moved` is how far the whole film was moved so that it does not begin before zero.
    """

    def __init__(self, frames: FrameTimes, window: Window | None) -> None:
        self.tick = _tick(frames.time_base)
        self.window = window
        self.first = frames.first
        times, durations, joins = _straightened(frames)
        begin = window.start if window else Fraction(0)
        self.moved = max(Fraction(0), begin - int(times[0]) * frames.time_base)
        shift = self.moved - begin
        self._times = _in_ticks(times, frames.time_base, shift, self.tick)
        self.pieces = [
            Piece(shift + moved * frames.time_base, int(self._times[first]) * self.tick) for first, moved in joins
        ]
        self._last = max(1, round(int(durations[-1]) * frames.time_base / self.tick))

    def __len__(self) -> int:
        return len(self._times)

    def shown(self, number: int) -> int:
        """Ticks at which the number-th kept frame is shown; before the first, as if frames went on backwards."""
        if number >= 0:
            return int(self._times[number])
        return int(self._times[0]) + number * self.duration(0)

    def microseconds(self) -> NDArray[np.int64]:
        """When each kept frame is shown. No tick is finer."""
        number, of = (self.tick * FINEST).as_integer_ratio()
        found: NDArray[np.int64] = (self._times * number + of // 2) // of
        return found

    def duration(self, number: int) -> int:
        """Ticks until the next frame; the last has the source's own duration."""
        if number + 1 < len(self._times):
            return int(self._times[number + 1] - self._times[number])
        return self._last


def _tick(time_base: Fraction) -> Fraction:
    return Fraction(1, min(time_base.denominator, FINEST))


def _straightened(frames: FrameTimes) -> tuple[NDArray[Any], NDArray[Any], list[tuple[int, int]]]:
    """Times and durations in the source's ticks with joined pieces put one after the other.

    The third are the pieces: the number of the first frame, and what its time was moved by.
    """
    times = np.array(frames.times, dtype=np.int64)
    steps = np.diff(times)
    usual = int(np.median(steps[steps > 0])) if (steps > 0).any() else 1
    durations = np.array(frames.durations, dtype=np.int64)
    durations[durations <= 0] = usual
    starts = [0, *(int(n) + 1 for n in np.flatnonzero(steps < -DISORDER * usual))]
    for start, stop in pairwise([*starts, len(times)]):
        times[start:stop].sort()
    joins = [(0, 0)]
    for first in starts[1:]:
        gap = int(times[first - 1] + durations[first - 1] - times[first])
        times[first:] += gap
        joins.append((first, joins[-1][1] + gap))
    return times, durations, joins


def _in_ticks(times: NDArray[Any], time_base: Fraction, shift: Fraction, tick: Fraction) -> NDArray[Any]:
    """Rounded to output ticks and kept strictly increasing."""
    scale, offset = time_base / tick, shift / tick
    if scale.denominator == 1:
        ticks = times * scale.numerator + round(offset)
    else:
        ticks = np.array([round(int(t) * scale + offset) for t in times], dtype=np.int64)
    steps = np.arange(len(ticks))
    increasing: NDArray[Any] = np.maximum.accumulate(ticks - steps) + steps
    return increasing
