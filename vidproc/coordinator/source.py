"""A job's source as the coordinator holds it: how much of it is here, and whether it is what was announced."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path


class Source:
    """`held` of its `size` bytes are here, from the first on. It is `whole` when all are here and their hash is right,
    since `whole_at` (monotonic seconds, infinity until then)."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.held = 0
        self.whole_at = math.inf
        self._grown = asyncio.Event()
        self._whole = asyncio.Event()

    def grow(self, held: int) -> None:
        self.held = held
        self._grown.set()

    def complete(self) -> None:
        """All is here, and verified."""
        self.grow(self.size)
        self.whole_at = time.monotonic()
        self._whole.set()

    @property
    def whole(self) -> bool:
        return self._whole.is_set()

    async def until_whole(self) -> None:
        await self._whole.wait()

    async def beyond(self, held: int) -> int:
        """Wait for more than that; how much there is then. For one who asks at a time."""
        while self.held <= held:
            self._grown.clear()
            await self._grown.wait()
        return self.held
