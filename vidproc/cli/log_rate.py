"""A bound on what is logged: a peer that can make a daemon say something could fill its disk."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog

_KINDS = 1024
"""Events are named in the code; more of them are a mistake."""
_OTHERS = "others"


class LogRate:
    """A processor of structlog's: of one event no more than so many lines in a second. The next line that is said, of
    whatever event, tells how many were left out before, by their events."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._second = clock()
        self._said: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def __call__(self, logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        kind = str(event["event"])
        if self._clock() - self._second >= 1:
            self._second = self._clock()
            self._said.clear()
        if self._said[kind] >= self._most or len(self._said) > _KINDS:
            self._left_out[kind if kind in self._left_out or len(self._left_out) < _KINDS else _OTHERS] += 1
            raise structlog.DropEvent
        self._said[kind] += 1
        if self._left_out:
            event["left_out"] = dict(self._left_out)
            self._left_out.clear()
        return event
