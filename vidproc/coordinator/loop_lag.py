"""How late the event loop is: for so long whatever becomes due has to wait, since something else holds the loop."""

from __future__ import annotations

import asyncio

from vidproc.metrics.histogram import Histogram

_EVERY_S = 0.25


class LoopLag:
    """From `start` to `stop` a timer notes by how much it was late. It costs some ten microseconds a look."""

    def __init__(self, found: Histogram) -> None:
        self._found = found
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """In the loop that is to be looked at."""
        self._loop = asyncio.get_running_loop()
        self._set()

    def _set(self) -> None:
        self._due = self._loop.time() + _EVERY_S
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._found.add(max(0.0, self._loop.time() - self._due))
        self._set()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
