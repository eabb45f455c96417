"""What goes on, told to many at once: looked at and encoded once for all who watch, as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
from msgspec import Struct

from vidproc.coordinator.live import ChunkNow, JobNow
from vidproc.coordinator.view import View
from vidproc.errors import UnknownJobError

_LOOK_EVERY_S = 0.5
_LOOK_AT_LEAST_EVERY_S = 2.0
_TOLD_A_SECOND = 10

_MOST_WAITING = 16
"""Events for a watcher who does not read them. It is cut off then; a browser comes back by itself."""

_QUIET_LOOKS = 20
"""After so many looks without news a comment is sent, so that whoever is gone is noticed."""

Event = bytes
Look = Callable[[], Iterator[Event]]
"""What is new since the last time."""


def pause(watchers: int, told_a_second: float = _TOLD_A_SECOND) -> float:
    """Seconds between two looks. Each costs the coordinator the same for each who watches; so where more watch than can
    be told so often, each is told less often."""
    return min(_LOOK_AT_LEAST_EVERY_S, max(_LOOK_EVERY_S, watchers / told_a_second))


def event(name: str, data: object) -> Event:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


class Feed:
    """`watch` it; it looks as long as anybody does. `first` is what who comes newly is told; after a look that finds
    that it has `ended` no more is told. `everybody` is how many watch this and whatever else there is."""

    def __init__(
        self,
        first: Look,
        look: Look,
        ended: Callable[[], bool] = lambda: False,
        everybody: Callable[[], int] = lambda: 0,
    ) -> None:
        self._first = first
        self._look = look
        self._ended = ended
        self._everybody = everybody
        self._watchers: set[asyncio.Queue[Event | None]] = set()
        self._looking: asyncio.Task[None] | None = None

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    async def watch(self) -> AsyncIterator[Event]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_MOST_WAITING)
        self._watchers.add(queue)
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._run())
            for each in self._first():
                yield each
            while (news := await queue.get()) is not None:
                yield news
        finally:
            self._watchers.discard(queue)
            if not self._watchers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _run(self) -> None:
        quiet = 0
        while True:
            news = b"".join(self._look())
            quiet = 0 if news else quiet + 1
            if news or quiet % _QUIET_LOOKS == 0:
                self._tell(news or b": still here\n\n")
            if self._ended():
                break
            await asyncio.sleep(pause(self._everybody()))
        self._tell(None)

    def _tell(self, news: Event | None) -> None:
        for queue in list(self._watchers):
            if queue.full():
                self._cut(queue)
            else:
                queue.put_nowait(news)

    def _cut(self, queue: asyncio.Queue[Event | None]) -> None:
        self._watchers.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


class Change(Struct, frozen=True):
    """A job as it is now but for its chunks, of which those are told of that changed, by number."""

    now: JobNow
    changed: dict[int, ChunkNow]


class JobLook:
    """What is new of one job."""

    def __init__(self, view: View, job_id: str) -> None:
        self._view = view
        self._job_id = job_id
        self._last: JobNow = view.job_now(job_id)
        self._gone = False

    def first(self) -> Iterator[Event]:
        yield event("now", self._last)

    def look(self) -> Iterator[Event]:
        try:
            now = self._view.job_now(self._job_id)
        except UnknownJobError:
            self._gone = True
            return
        last, self._last = self._last, now
        known = dict(enumerate(last.chunks))
        changed = {number: chunk for number, chunk in enumerate(now.chunks) if chunk != known.get(number)}
        bare = msgspec.structs.replace(now, chunks=(), age_s=0.0)
        if changed or bare != msgspec.structs.replace(last, chunks=(), age_s=0.0):
            yield event("change", Change(msgspec.structs.replace(now, chunks=()), changed))

    def ended(self) -> bool:
        """As far as the last look has seen: to look again would cost as much again."""
        return self._gone or self._last.state.final


class Feeds:
    """All that is watched."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._jobs: dict[str, Feed] = {}
        cluster = ClusterLook(view)
        self._cluster = Feed(cluster.first, cluster.look, everybody=self._watchers)

    def cluster(self) -> AsyncIterator[Event]:
        return self._cluster.watch()

    def job(self, job_id: str) -> AsyncIterator[Event]:
        """Raises `UnknownJobError`."""
        self._jobs = {id: feed for id, feed in self._jobs.items() if feed.watchers}
        if job_id not in self._jobs:
            looking = JobLook(self._view, job_id)
            self._jobs[job_id] = Feed(looking.first, looking.look, looking.ended, self._watchers)
        return self._jobs[job_id].watch()

    def _watchers(self) -> int:
        return self._cluster.watchers + sum(feed.watchers for feed in self._jobs.values())


class ClusterLook:
    """Daemons and jobs, if anything about them is new."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._last = b""

    def _now(self) -> Event:
        return event("cluster", {"workers": self._view.workers(), "jobs": self._view.running()})

    def first(self) -> Iterator[Event]:
        yield self._now()

    def look(self) -> Iterator[Event]:
        last, self._last = self._last, self._now()
        if self._last != last:
            yield self._last
