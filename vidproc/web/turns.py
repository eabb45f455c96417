"""So many at a time in the event loop, and then everything else before more of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Turns:
    """Of what is to be done, `most` is done in each round of the event loop; the rest waits, in the order in which it
    came."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._done = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def do(self, what: Callable[[], None]) -> None:
        """At once, or when it is its turn."""
        self._waiting.append(what)
        if len(self._waiting) == 1 and self._done < self._most:
            self._do_next()

    def _do_next(self) -> None:
        if not self._done:
            asyncio.get_running_loop().call_soon(self._next_round)
        self._done += 1
        self._waiting.popleft()()

    def _next_round(self) -> None:
        self._done = 0
        while self._waiting and self._done < self._most:
            self._do_next()
