"""So many at a time in the event loop, and then everything else before more of them."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """`most` who come go on in each round of the event loop; the others wait, in the order of their coming."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._went_on = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def mine(self) -> None:
        """Wait for it."""
        if self._went_on < self._most:
            self._count()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _count(self) -> None:
        self._went_on += 1
        if self._went_on == 1:
            asyncio.get_running_loop().call_soon(self._next_round)

    def _next_round(self) -> None:
        self._went_on = 0
        while self._waiting and self._went_on < self._most:
            turn = self._waiting.popleft()
            if not turn.done():  # as of one that was cancelled
                turn.set_result(None)
                self._count()
