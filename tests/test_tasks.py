"""Tasks that are ended, and tasks that are watched."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import pytest

from vidproc.errors import PeerError
from vidproc.tasks import ended, watched


async def never() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


async def failing(error: Exception) -> None:
    raise error


async def told_of(*tasks: asyncio.Task[Any]) -> list[Exception]:
    """What the event loop was told of while these were ended."""
    told: list[Exception] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: told.append(said["exception"]))
    await asyncio.sleep(0)  # their first step
    await ended(*tasks)
    assert all(task.done() for task in tasks)
    return told


def test_tasks_are_over_when_they_have_ended() -> None:
    async def main() -> None:
        async def slow_to_leave() -> None:
            try:
                await never()
            finally:
                await asyncio.sleep(0)
                left.append(True)

        left: list[bool] = []
        assert await told_of(asyncio.create_task(slow_to_leave()), asyncio.create_task(never())) == []
        assert left == [True]
        await ended()

    asyncio.run(main())


def test_of_a_task_that_had_failed_only_a_bug_is_told() -> None:
    async def main() -> None:
        bug = KeyError("slot")
        errors = (PeerError("gone"), ConnectionResetError(), bug)
        assert await told_of(*(asyncio.create_task(failing(error)) for error in errors)) == [bug]

    asyncio.run(main())


def test_what_is_watched_gives_its_result() -> None:
    async def main() -> None:
        enough = asyncio.Event()
        looks: list[None] = []

        async def course() -> str:
            await enough.wait()
            return "done"

        def look() -> None:
            looks.append(None)
            if len(looks) == 3:
                enough.set()

        assert await watched(course(), look, 0.001) == "done"
        assert len(looks) >= 3

    asyncio.run(main())


def test_what_the_watcher_raises_ends_both() -> None:
    async def main() -> None:
        over: list[bool] = []

        async def course() -> None:
            try:
                await never()
            finally:
                over.append(True)

        def look() -> None:
            raise PeerError("too slow")

        with pytest.raises(PeerError, match="too slow"):
            await watched(course(), look, 0.001)
        assert over == [True]

    asyncio.run(main())
