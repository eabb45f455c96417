"""Answers that last as long as somebody watches: so many at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

from vidproc.errors import BusyError


class Places:
    """What a route depends on that gives such answers. A place is taken before the answer begins, and free when it has
    ended, however it does. Raises `BusyError` when all are taken."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    async def __call__(self) -> AsyncIterator[None]:
        if self._taken >= self._most:
            raise BusyError(f"{self._most} watch already: try again later")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
