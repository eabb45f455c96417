from __future__ import annotations

import asyncio

import pytest

from tests.loops import run
from vidproc.coordinator.made_once import MadeOnce
from vidproc.coordinator.picture_orders import Picture
from vidproc.errors import MediaError


class Maker:
    """Makes pictures of ten bytes, and writes down which."""

    def __init__(self) -> None:
        self.pictures = MadeOnce(35)
        self.made: list[str] = []
        self.fails = False

    async def get(self, key: str) -> bytes:
        async def make() -> Picture:
            self.made.append(key)
            await asyncio.sleep(0)
            if self.fails:
                raise MediaError("no")
            return Picture(key.encode() * 10)

        return (await self.pictures.get(key, make)).data


def test_as_many_are_kept_as_fit_those_asked_for_last() -> None:
    async def main() -> None:
        maker = Maker()
        for key in "abc" "a" "d" "a" "c":  # there is room for three, and b goes when d comes
            assert await maker.get(key) == key.encode() * 10
        assert "".join(maker.made) == "abcd"
        assert await maker.get("b") == b"b" * 10
        assert await maker.get("a") + await maker.get("c") == b"a" * 10 + b"c" * 10
        assert "".join(maker.made) == "abcdb"

    run(main())


def test_what_fails_is_told_to_all_and_tried_again() -> None:
    async def main() -> None:
        maker = Maker()
        maker.fails = True
        ends = await asyncio.gather(*(maker.get("a") for _ in range(3)), return_exceptions=True)
        assert [str(end) for end in ends] == ["no"] * 3
        maker.fails = False
        assert await maker.get("a") == b"a" * 10
        assert maker.made == ["a", "a"]

    run(main())


def test_who_leaves_takes_nothing_from_those_who_wait() -> None:
    async def main() -> None:
        maker = Maker()
        one, other = (asyncio.create_task(maker.get("a")) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        assert await other == b"a" * 10
        with pytest.raises(asyncio.CancelledError):
            await one
        assert maker.made == ["a"]

    run(main())
