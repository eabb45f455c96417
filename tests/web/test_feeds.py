from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from vidproc.web import feeds
from vidproc.web.feeds import Feed, event

pytestmark = pytest.mark.unit


class News:
    """Something new at each look."""

    def __init__(self, until: int = 1000) -> None:
        self.looks = 0
        self._until = until

    def first(self) -> Iterator[bytes]:
        yield event("first", self.looks)

    def look(self) -> Iterator[bytes]:
        self.looks += 1
        yield event("look", self.looks)

    def ended(self) -> bool:
        return self.looks >= self._until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_LOOK_EVERY_S", 0.001)


def test_all_who_watch_are_told_of_the_same_looks() -> None:
    async def main() -> None:
        news = News(until=5)
        feed = Feed(news.first, news.look, news.ended)

        async def watched() -> list[bytes]:
            return [each async for each in feed.watch()]

        one, other = await asyncio.gather(watched(), watched())
        assert one == other == [event("first", 0), *(event("look", n) for n in range(1, 6))]
        assert feed.watchers == 0

    asyncio.run(main())


def test_nobody_looks_when_nobody_watches() -> None:
    async def main() -> None:
        news = News()
        feed = Feed(news.first, news.look)
        watching = feed.watch()
        assert [await anext(watching), await anext(watching)] == [event("first", 0), event("look", 1)]
        await watching.aclose()
        assert feed.watchers == 0
        await asyncio.sleep(0)  # a task that was cancelled needs a turn to end
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_who_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    async def main() -> None:
        news = News(until=100)
        feed = Feed(news.first, news.look, news.ended)
        slow = feed.watch()
        assert await anext(slow) == event("first", 0)
        told = [each async for each in feed.watch()]
        assert told[-1] == event("look", 100)
        assert [each async for each in slow] == []

    asyncio.run(main())


def test_the_more_watch_the_less_often_they_are_told() -> None:
    assert feeds.pause(0) == feeds._LOOK_EVERY_S
    assert [feeds.pause(watchers) for watchers in (10, 16, 1000)] == [1.0, 1.6, 2.0]
    assert [feeds.pause(watchers, 2) for watchers in (1, 3, 4, 64)] == [0.5, 1.5, 2.0, 2.0]


def test_who_comes_as_a_feed_ends_is_told_so_too() -> None:
    """The others may not have read to its end yet."""

    async def main() -> None:
        feed = Feed(lambda: iter([event("first", 1)]), lambda: iter(()), ended=lambda: True)
        slow, late = feed.watch(), feed.watch()
        async with asyncio.timeout(10), contextlib.aclosing(slow):
            await anext(slow)
            await asyncio.sleep(0)  # it looks, and ends
            assert [each async for each in late] == [event("first", 1)]

    asyncio.run(main())
