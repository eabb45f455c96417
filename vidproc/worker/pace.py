"""A daemon's own rate limit, from what its slots do and what its machine is busy with."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from math import inf

from vidproc.metrics.rate import RateMeter
from vidproc.worker.adaptive import Steering
from vidproc.worker.machine_load import MachineLoad
from vidproc.worker.slot import Slot

_WINDOW_S = 5.0
"""A slot tells of frames one by one, but not while it reads its way in."""


class Pace:
    """`look` once a second."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._load = MachineLoad()
        self._rate = RateMeter(_WINDOW_S, time.monotonic())
        self._finished = [0] * len(slots)
        self._steering = Steering()

    def look(self) -> float:
        """Frames/s from now on, 0 for no limit."""
        now = time.monotonic()
        self._rate.add(self._frames(), now)
        load = self._load.look([os.getpid(), *(slot.pid for slot in self._slots if slot.pid)])
        self._steering = self._steering.after(load, self._rate.rate(now))
        limit = self._steering.limit
        return 0.0 if limit == inf else limit

    def _frames(self) -> int:
        """Frames finished since the last time. A slot counts from 0 with each lease."""
        now = [slot.reading.finished for slot in self._slots]
        before, self._finished = self._finished, now
        return sum(new - old if new >= old else new for new, old in zip(now, before, strict=True))
