"""Pictures that several people ask for are made once, and kept for those who come later, as many as fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

from vidproc.coordinator.picture_orders import Picture


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

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Picture]]) -> Picture:
        """The picture of that key. It is given up when nobody waits for it any more."""
        if (kept := self._kept.pop(key, None)) is not None:
            self._kept[key] = kept
            return kept
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = _Making(asyncio.create_task(self._made(key, make)))
        making.waiting += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.waiting -= 1
            if not making.waiting:
                making.task.cancel()
                self._forget(key, making)

    async def _made(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Picture]]) -> Picture:
        made = await make()
        self._kept[key] = made
        self._bytes += len(made.data)
        while self._bytes > self._most:
            self._bytes -= len(self._kept.pop(next(iter(self._kept))).data)
        return made

    def _forget(self, key: Hashable, making: _Making) -> None:
        if self._making.get(key) is making:
            del self._making[key]
