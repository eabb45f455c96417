"""Picture processes, one for each film that people look at: a few at a time, begun when asked for, ended when idle.

A hostile film takes down its own process alone. What waits is bounded: whoever comes when too many wait is told so at
once, since a picture that comes much later is of no use.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from vidproc.coordinator.aside import Aside
from vidproc.coordinator.made_once import MadeOnce
from vidproc.coordinator.media import MediaLimits
from vidproc.coordinator.picture_orders import Facts, Order, Picture, ToAnimate, ToCut, ToOpen, ToShow
from vidproc.coordinator.picture_process import PictureProcess
from vidproc.errors import BusyError, MediaError, StalledError, StorageError
from vidproc.processes.child import ChildDiedError, ChildSpentError

_MOST_PROCESSES = 6
_MOST_WAITING = 32
_IDLE_S = 60.0
_KEPT_BYTES = 32 * 2**20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Film:
    """A file, and the part of it that a job takes, by which its frames are numbered."""

    path: Path
    start: float | None = None
    duration: float | None = None


@dataclass(slots=True, eq=False)
class _Place:
    """Room for one process. `users` are those who wait for it, or for its answer; without any it goes when `idle`."""

    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    process: PictureProcess | None = None
    idle: asyncio.TimerHandle | None = None


class Pictures:
    """`scratch` is a folder for what films are read into. All raise `BusyError` and what the child tells of."""

    def __init__(self, limits: MediaLimits, scratch: Path) -> None:
        self._limits = limits
        self._scratch = scratch
        self._places: dict[object, _Place] = {}
        self._freed = asyncio.Event()
        self._closed = False
        self._waiting = 0
        self._made = MadeOnce(_KEPT_BYTES)
        self._aside = Aside()

    async def facts(self, film: Film) -> Facts:
        return await self._asked(film, lambda process: self._opened(process, film))

    async def show(self, film: Film, order: ToShow | ToAnimate) -> Picture:
        async def show(process: PictureProcess) -> Picture:
            await self._opened(process, film)
            return await process.show(order)

        return await self._made.get((film, _key(order)), lambda: self._asked(film, show))

    async def cut(self, job_id: str, order: ToCut | ToAnimate) -> Picture:
        """Of a job that goes on."""
        return await self._made.get(
            (job_id, _key(order)), lambda: self._asked(job_id, lambda process: process.show(order))
        )

    async def close(self) -> None:
        """Whoever waits for a picture is told that there will be none."""
        self._closed = True
        for place in self._places.values():
            if place.process is not None:
                place.process.kill()
        while any(place.users for place in self._places.values()):
            await self._until_freed()
        for key in list(self._places):
            self._discard(key)
        await self._aside.until_done()

    async def _opened(self, process: PictureProcess, film: Film) -> Facts:
        if process.facts is None:
            order = ToOpen(
                str(film.path), "", film.start, film.duration, self._limits.source, self._limits.frame_pixels
            )
            return await process.open(order)
        return process.facts

    async def _asked(self, key: object, doing: Callable[[PictureProcess], Awaitable[T]]) -> T:
        """One that died may have been killed by somebody; one that dies again is killed by its film."""
        async with self._place(key) as place:
            try:
                return await self._try(place, doing)
            except ChildSpentError as error:
                raise StalledError("the picture takes more processor time than it may") from error
            except ChildDiedError:
                pass
            try:
                return await self._try(place, doing)
            except ChildDiedError as error:
                raise MediaError(f"the film ends the process that is to show it ({error})") from error

    async def _try(self, place: _Place, doing: Callable[[PictureProcess], Awaitable[T]]) -> T:
        """With a new process if there is none; one that is of no use any more, or has filled the disk, goes."""
        if self._closed:
            raise BusyError("the coordinator is stopping")
        try:
            if place.process is None:
                process = PictureProcess(self._limits.child, self._scratch)
                await process.start()
                place.process = process
            return await doing(place.process)
        except (ChildDiedError, StalledError, StorageError):
            if place.process is not None:
                process, place.process = place.process, None
                await process.close()
            raise

    @contextlib.asynccontextmanager
    async def _place(self, key: object) -> AsyncIterator[_Place]:
        """Its process is the caller's alone as long as the block lasts."""
        if self._waiting >= _MOST_WAITING:
            raise BusyError("too many pictures are asked for at once: try again in a moment")
        self._waiting += 1
        try:
            place = await self._claimed(key)
            try:
                async with place.lock:
                    yield place
            finally:
                self._release(key, place)
        finally:
            self._waiting -= 1

    async def _claimed(self, key: object) -> _Place:
        while key not in self._places and not self._make_room():
            await self._until_freed()
        place = self._places.pop(key, None) or _Place()
        self._places[key] = place  # as the last one: the first is who was not asked for longest
        place.users += 1
        if place.idle is not None:
            place.idle.cancel()
        return place

    def _release(self, key: object, place: _Place) -> None:
        place.users -= 1
        if not place.users:
            place.idle = asyncio.get_running_loop().call_later(_IDLE_S, self._discard, key)
            self._freed.set()

    async def _until_freed(self) -> None:
        self._freed.clear()
        await self._freed.wait()

    def _make_room(self) -> bool:
        """Whether there is room for one more; an idle one goes if need be."""
        if len(self._places) < _MOST_PROCESSES:
            return True
        idle = [key for key, place in self._places.items() if not place.users]
        if idle:
            self._discard(idle[0])
        return bool(idle)

    def _discard(self, key: object) -> None:
        """One that nobody uses."""
        place = self._places.pop(key)
        if place.idle is not None:
            place.idle.cancel()
        if place.process is not None:
            self._aside.begin(place.process.close())


def _key(order: Order) -> str:
    """Filters' parameters are mappings, which nothing can be looked up by."""
    return repr(order)
