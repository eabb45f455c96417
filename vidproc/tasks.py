"""The end of tasks, and of what they are to be watched for.

Whoever makes a task sees to its end: a task that nobody waits for may hold a file or a process, and hides its errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from vidproc.errors import VidprocError

_T = TypeVar("_T")


async def ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancel these and wait until they are over. An error that one of them ends with counts no more, but a bug is told
    as the event loop tells those of tasks that nobody looks at."""
    for outcome in await _outcomes(*tasks):
        if isinstance(outcome, Exception) and not isinstance(outcome, VidprocError | OSError):
            said = {"message": "a task that was to end had failed", "exception": outcome}
            asyncio.get_running_loop().call_exception_handler(said)


async def watched(course: Coroutine[Any, Any, _T], look: Callable[[], None], every_s: float) -> _T:
    """What `course` gives. As long as it takes, `look` is called again and again; what that raises ends both."""
    task = asyncio.create_task(course)
    try:
        while not (await asyncio.wait({task}, timeout=every_s))[0]:
            look()
        return task.result()
    finally:
        await _outcomes(task)  # it may have failed at the moment of a cancellation


async def _outcomes(*tasks: asyncio.Future[Any]) -> list[Any]:
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)
