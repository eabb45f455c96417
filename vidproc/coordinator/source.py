"""A job's source as the coordinator holds it: how much of it is here, and whether it is what was announced.

It comes in order. But many containers say at their end what is in them, and a media process that waits for a byte far
ahead cannot begin before. So that byte is asked for out of its turn. What comes so goes to the media process alone, and
comes once more in its turn; the film is not whole before both were found to be the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from vidproc.errors import ClientError
from vidproc.storage.disk import disk_errors

_FAR = 16 * 2**20
"""Bytes. What is nearer than this comes soon in its turn: it is on its way."""
_FEWEST, _MOST = 2**18, 2**22
"""Bytes that are asked for at a time: twice as many each time that more is wanted where the last ended."""
_BUDGET = 64 * 2**20
"""Bytes of a film that are sent twice, and held in memory by its media process."""

Ask = Callable[[range], None]


class Source:
    """`held` of its `size` bytes are here, from the first on; `wanted` are those that were asked for out of their turn.
    It is `whole` when all are here and their hash is right, since `whole_at` (monotonic seconds, infinity until then).
    """

    def __init__(self, path: Path, size: int, ask: Ask) -> None:
        self.path = path
        self.size = size
        self.held = 0
        self.wanted: range | None = None
        self.whole_at = math.inf
        self._ask = ask
        self._asked = 0
        self._ahead: list[tuple[int, bytes]] = []
        self._digests: list[tuple[int, int, bytes]] = []
        self._grown = asyncio.Event()
        self._whole = asyncio.Event()

    def grow(self, held: int) -> None:
        self.held = held
        self._grown.set()

    def take(self, offset: int, data: bytes | memoryview) -> bool:
        """Bytes out of their turn. Whether they were wanted."""
        if self.wanted is None or offset not in self.wanted or offset + len(data) > self.wanted.stop:
            return False
        self._ahead.append((offset, bytes(data)))
        self._digests.append((offset, len(data), hashlib.sha256(data).digest()))
        self._grown.set()
        return True

    def check(self) -> None:
        """Raises `ClientError` where what came out of its turn was something else than what came in it, and
        `StorageError` where it cannot be read."""
        if not self._digests:
            return
        with disk_errors("cannot read the source"), open(self.path, "rb") as file:
            for offset, size, digest in self._digests:
                if hashlib.sha256(os.pread(file.fileno(), size, offset)).digest() != digest:
                    raise ClientError("the film was changed while it was sent; send it again")

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

    def begin(self) -> int:
        """A media process begins to read, and knows of nothing that came out of its turn. What it may read is held."""
        self.wanted = None
        self._ahead.clear()
        return self.held

    def want(self, position: int) -> None:
        """It waits for this byte."""
        if position < self.held + _FAR or (self.wanted is not None and position in self.wanted):
            return
        last = self.wanted or range(0)
        size = min(2 * len(last), _MOST) if position == last.stop else _FEWEST
        size = min(size, self.size - position, _BUDGET - self._asked)
        if size > 0:
            self._asked += size
            self.wanted = range(position, position + size)
            self._ask(self.wanted)

    async def news(self, held: int) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait for more than is held by then: how much it is now, and what has come out of its turn. For one who asks
        at a time."""
        while self.held <= held and not self._ahead:
            self._grown.clear()
            await self._grown.wait()
        ahead, self._ahead = self._ahead, []
        return self.held, ahead

    async def begun(self) -> None:
        """Wait for its first bytes."""
        while not self.held:
            self._grown.clear()
            await self._grown.wait()
