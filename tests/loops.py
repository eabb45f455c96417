"""Event loops for tests: with a limit, so that what hangs fails, and without a clock in what is tested."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

LIMIT_S = 20.0

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """What it gives; with a limit, so that what hangs fails."""
    return asyncio.run(asyncio.wait_for(main, LIMIT_S))


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until that holds; the limit is `run`'s."""
    while not condition():  # noqa: ASYNC110 - what is waited for knows of no event
        await asyncio.sleep(0.001)
