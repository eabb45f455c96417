"""What a daemon has done since it joined, and what it takes of its machine, as far as it tells."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from vidproc.metrics.rate import RateMeter
from vidproc.protocol.messages import Heartbeat

_WINDOW_S = 5.0


@dataclass(slots=True)
class WorkerFigures:
    """`frames` are those finished, with leases that came to nothing in the end. `joined_at` is in seconds since 1970,
    `cpu_percent` of one core."""

    joined_at: float = field(default_factory=time.time)
    frames: int = 0
    rate_limit: float = 0.0
    cpu_percent: float | None = None
    memory_mb: float | None = None
    _rate: RateMeter = field(default_factory=lambda: RateMeter(_WINDOW_S, time.monotonic()))
    _in_hand: dict[int, int] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Frames a second now."""
        return self._rate.rate(time.monotonic())

    def note(self, finished: Mapping[int, int], beat: Heartbeat) -> None:
        """Frames finished of the leases in hand, and what else a heartbeat tells."""
        before, self._in_hand = self._in_hand, dict(finished)
        self._add(sum(max(0, frames - before.get(lease, 0)) for lease, frames in finished.items()))
        if beat.rate_limit is not None:
            self.rate_limit = beat.rate_limit
        if beat.cpu_percent is not None:
            self.cpu_percent, self.memory_mb = beat.cpu_percent, beat.memory_mb

    def done(self, lease: int, frames: int) -> None:
        """A lease came to its end."""
        self._add(max(0, frames - self._in_hand.pop(lease, 0)))

    def _add(self, frames: int) -> None:
        self.frames += frames
        self._rate.add(frames, time.monotonic())
