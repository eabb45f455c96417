"""The part of the film that is kept, where only a part was asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from vidproc.errors import MediaError
from vidproc.media.index import PacketFacts
from vidproc.media.ordering import Placed
from vidproc.media.probe import SourceInfo

_PAST = 64
"""So many packets in a row behind the window end the reading: more than any reordering."""


class FilmWindow:
    """Keeps the frames whose time lies in [start, start + duration) seconds of the film, whose zero is where its
    earliest stream begins. `kept` is the same in seconds of the source's own clock. A frame without a time is taken to
    be where a constant frame rate would have it."""

    def __init__(self, info: SourceInfo, start: float | None, duration: float | None) -> None:
        self._tick, self._rate = info.time_base, info.stream.frame_rate
        self.kept: tuple[Fraction, Fraction] | None = None
        if start is not None or duration is not None:
            zero = Fraction(info.start_time).limit_denominator(1_000_000)
            begin = zero + Fraction(start or 0)
            end = Fraction(1 << 40) if duration is None else begin + Fraction(duration)
            self.kept = (begin, end)
        self._past = 0
        self._latest: Fraction | None = None

    @property
    def begin(self) -> int | None:
        """Ticks of the stream before which nothing is kept, if that is known."""
        return None if self.kept is None else math.floor(self.kept[0] / self._tick)

    def holds(self, placed: Placed) -> bool:
        seconds = self._seconds(placed) if self.kept is not None else None
        return self.kept is None or seconds is None or self.kept[0] <= seconds < self.kept[1]

    def clipped(self, placed: Placed) -> PacketFacts:
        """The packet's facts, as not shown where it lies outside."""
        return placed.facts if self.holds(placed) else replace(placed.facts, shown=False)

    def is_past(self, placed: Placed) -> bool:
        """Whether no packet from this one on can matter. Ask once for each packet.

        Raises `MediaError` where a film was joined from pieces each with its own clock: its seconds come twice.
        """
        if self.kept is None:
            return False
        seconds = self._seconds(placed)
        if seconds is not None:
            if placed.stream is not None and self._latest is not None and seconds < self._latest:
                raise MediaError(
                    "this film is joined from pieces, each with its own clock, so its seconds are not told by "
                    "--start and --duration: process it whole, and cut the result"
                )
            self._latest = seconds if self._latest is None else max(seconds, self._latest)
        self._past = self._past + 1 if seconds is not None and seconds >= self.kept[1] else 0
        return self._past > _PAST

    def seconds_of(self, whole: float) -> float:
        """How many of a film's seconds are kept, roughly."""
        if self.kept is None:
            return whole
        return max(0.0, min(whole - float(self.kept[0]), float(self.kept[1] - self.kept[0])))

    def _seconds(self, placed: Placed) -> Fraction | None:
        if placed.time is not None:
            return placed.time * self._tick
        return None if placed.facts.order is None else placed.facts.order / self._rate
