"""Pictures that several people ask for are made once, and kept for those who come later, as many as fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

from vidproc.coordinator.picture_orders import Picture

Make = Callable[[], Coroutine[Any, Any, Picture]]


@dataclass(slots=True, eq=False)
class _Making:
    task: asyncio.Task[Picture]
    waiting: int = 0


class MadeOnce:
    """Keeps pictures up to so many bytes, those asked for last."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: dict[Hashable, Picture] = {}
        self._making: dict[Hashable, _Making] = {}

    async def get(self, key: Hashable, make: Make) -> Picture:
        """The picture of that key. It is given up when nobody waits for it any more."""
        if (kept := self._take_out(key)) is not None:
            self._keep(key, kept)
            return kept
        making = self._making.get(key) or self._begin(key, make)
        making.waiting += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.waiting -= 1
            if not making.waiting:
                making.task.cancel()
                self._forget(key, making)

    def _begin(self, key: Hashable, make: Make) -> _Making:
        begun = self._making[key] = _Making(asyncio.create_task(self._made(key, make)))
        return begun

    async def _made(self, key: Hashable, make: Make) -> Picture:
        made = await make()
        self._take_out(key)
        self._keep(key, made)
        return made

    def _forget(self, key: Hashable, making: _Making) -> None:
        if self._making.get(key) is making:
            del self._making[key]

    def _take_out(self, key: Hashable) -> Picture | None:
        taken = self._kept.pop(key, None)
        self._bytes -= len(taken.data) if taken else 0
        return taken

    def _keep(self, key: Hashable, picture: Picture) -> None:
        self._kept[key] = picture
        self._bytes += len(picture.data)
        while self._bytes > self._most:
            self._take_out(next(iter(self._kept)))
