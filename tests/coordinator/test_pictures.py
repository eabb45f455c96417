"""Picture processes: real ones, of real films, and some that do as they are told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.loops import run, until
from tests.media import clips
from vidproc.config import CoordinatorSettings
from vidproc.coordinator import picture_process, pictures
from vidproc.coordinator.media import MediaLimits
from vidproc.coordinator.picture_orders import ToShow
from vidproc.coordinator.pictures import Film, Pictures
from vidproc.errors import BusyError, ClientError, MediaError, NotHereError, StalledError
from vidproc.filters.contract import Array
from vidproc.media.showing import jpeg
from vidproc.media.still import still
from vidproc.model import FilterSpec, JobSpec

pytestmark = pytest.mark.process


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Pictures]:
    scratch = folder / "scratch"
    scratch.mkdir()
    made = Pictures(MediaLimits.of(CoordinatorSettings()), scratch)
    try:
        yield made
    finally:
        await made.close()
        assert list(scratch.iterdir()) == []


def decoded(data: bytes) -> Array:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


class Told:
    """A film whose process does as it is told."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.film = Film(folder)

    def noted(self, what: str) -> list[int]:
        file = self.folder / what
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def open(self) -> None:
        (self.folder / "open").touch()

    @property
    def lives(self) -> bool:
        return psutil.pid_exists(self.noted("started")[-1])


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(picture_process, "_ENTRY", "tests.coordinator.picture_children:obedient")
    return Told(tmp_path / "told")


async def shown(made: Pictures, told: Told, number: int) -> bytes:
    return (await made.show(told.film, ToShow(number, 100))).data


@pytest.mark.parametrize(
    "kind", ["odd size", "ten bits", "mpeg2 interlaced", "variable rate", "full range", "gif", "av1", "prores"]
)
def test_frames_of_films_of_all_kinds(kind: str, tmp_path: Path) -> None:
    async def main() -> None:
        film = Film(clips.make(kind, tmp_path))
        async with opened(tmp_path) as made:
            facts = await made.facts(film)
            for number in (0, facts.frames - 1, facts.frames // 2):
                picture = await made.show(film, ToShow(number, 4096))
                assert picture.data == jpeg(still(film.path, number))
                assert not picture.approximate
            with pytest.raises(NotHereError, match=f"has {facts.frames} frames"):
                await made.show(film, ToShow(facts.frames, 4096))

    run(main())


def test_a_film_on_its_side_is_shown_upright_and_small(tmp_path: Path) -> None:
    async def main() -> None:
        film = Film(clips.make("rotation", tmp_path))
        async with opened(tmp_path) as made:
            facts = await made.facts(film)
            assert (facts.width, facts.height, facts.shown_width, facts.shown_height) == (96, 64, 64, 96)
            picture = decoded((await made.show(film, ToShow(3, 32))).data)
            assert picture.shape == (48, 32, 3)

    run(main())


def through(number: int, *specs: FilterSpec) -> ToShow:
    return ToShow(number, 4096, JobSpec(specs))


def test_what_a_filter_remembers_of_the_whole_film_is_shown_nearly(tmp_path: Path) -> None:
    clips.write(tmp_path / "film.mp4", clips.Film(options=clips.B_FRAMES, count=400))
    film = Film(tmp_path / "film.mp4")
    whole_film = FilterSpec("motion", {"kind": "mog2", "every": 0})
    renewed = FilterSpec("motion", {"kind": "mog2", "every": 250})
    seldom = FilterSpec("motion", {"kind": "mog2", "every": 1000})

    async def main() -> None:
        async with opened(tmp_path) as made:
            told = {at: (await made.show(film, through(at, whole_film))).approximate for at in (0, 300, 301, 399)}
            assert told == {0: False, 300: False, 301: True, 399: True}
            assert not (await made.show(film, through(399, renewed))).approximate
            far, near = [await made.show(film, through(at, seldom)) for at in (399, 299)]
            assert (far.approximate, near.approximate) == (True, False)
            assert far.data == (await made.show(film, through(399, whole_film))).data  # from the same frame on
            assert (await made.show(film, through(399, renewed))).data != (await made.show(film, through(399))).data

    run(main())


def test_what_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    async def main() -> None:
        film = Film(clips.make("constant rate", tmp_path))
        async with opened(tmp_path) as made:
            with pytest.raises(ClientError, match="crop"):
                await made.show(film, through(0, FilterSpec("crop", {"width": 500, "height": 500})))
            with pytest.raises(ClientError, match="larger than this coordinator takes"):
                await made.show(film, through(0, FilterSpec("resize", {"width": 16000, "height": 16000})))
            with pytest.raises(NotHereError, match="no longer here"):
                await made.facts(Film(tmp_path / "nothing"))
            (tmp_path / "text").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
            with pytest.raises(MediaError):
                await made.facts(Film(tmp_path / "text"))
            assert not (await made.show(film, ToShow(0, 4096))).approximate

    run(main())


def test_a_process_that_is_killed_while_asked_is_replaced(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as made:
            asking = asyncio.create_task(shown(made, told, 5))
            await until(lambda: told.noted("asked"))
            os.kill(told.noted("started")[0], signal.SIGKILL)
            await until(lambda: len(told.noted("asked")) == 2)
            told.open()
            assert await asking == b"frame 5"
            assert len(told.noted("started")) == 2

    run(main())


def test_a_film_that_ends_its_process_is_to_blame(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        told.open()
        other = Told(tmp_path / "other")
        other.open()
        async with opened(tmp_path) as made:
            assert await shown(made, other, 1) == b"frame 1"
            with pytest.raises(MediaError, match="ends the process"):
                await shown(made, told, 13)
            assert told.noted("asked") == [13, 13]
            assert await shown(made, told, 14) == b"frame 14"
            assert await shown(made, other, 2) == b"frame 2"
            assert len(other.noted("started")) == 1  # the other film's process was not touched

    run(main())


def test_what_many_ask_for_is_made_once(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as made:
            asking = [asyncio.create_task(shown(made, told, 5)) for _ in range(20)]
            await until(lambda: told.noted("asked"))
            told.open()
            assert await asyncio.gather(*asking) == [b"frame 5"] * 20
            assert await shown(made, told, 5) == b"frame 5"
            assert told.noted("asked") == [5]

    run(main())


def test_what_nobody_waits_for_any_more_is_not_made(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as made:
            asking = [asyncio.create_task(shown(made, told, number)) for number in range(10)]
            await until(lambda: told.noted("asked"))
            for each in asking[:-1]:
                each.cancel()
            told.open()
            assert await asking[-1] == b"frame 9"
            assert told.noted("asked") == [0, 9]
            assert await shown(made, told, 4) == b"frame 4"

    run(main())


def test_too_much_at_once_is_refused_at_once(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as made:
            asking = [asyncio.create_task(shown(made, told, number)) for number in range(100, 132)]
            await until(lambda: told.noted("asked"))
            with pytest.raises(BusyError, match="too many pictures"):
                await shown(made, told, 5)
            told.open()
            await asyncio.gather(*asking)
            assert await shown(made, told, 5) == b"frame 5"

    run(main())


def test_few_films_are_open_at_a_time(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        films = [Told(tmp_path / f"film {number}") for number in range(7)]
        async with opened(tmp_path) as made:
            for each in films[:6]:
                each.open()
                await shown(made, each, 0)
            await shown(made, films[0], 1)
            asking = asyncio.create_task(shown(made, films[6], 0))
            await until(lambda: not films[1].lives)  # which nobody has asked for longest
            films[6].open()
            await asking
            assert [each.lives for each in films] == [True, False, True, True, True, True, True]

    run(main())


def test_a_film_waits_for_room_as_long_as_all_are_looked_at(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        films = [Told(tmp_path / f"film {number}") for number in range(7)]
        async with opened(tmp_path) as made:
            asking = [asyncio.create_task(shown(made, each, 0)) for each in films]
            await until(lambda: sum(bool(each.noted("asked")) for each in films) == 6)
            assert films[6].noted("started") == []
            films[3].open()
            await until(lambda: films[6].noted("asked"))
            for each in films:
                each.open()
            assert await asyncio.gather(*asking) == [b"frame 0"] * 7

    run(main())


def test_a_process_that_nobody_asks_ends(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_IDLE_S", 0.05)

    async def main() -> None:
        told.open()
        async with opened(tmp_path) as made:
            await shown(made, told, 0)
            await until(lambda: not told.lives)
            assert await shown(made, told, 1) == b"frame 1"

    run(main())


def test_a_picture_that_takes_too_long_is_given_up(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with opened(tmp_path) as made:
            await made.facts(told.film)
            monkeypatch.setattr(picture_process, "_PATIENCE", 0.01)
            with pytest.raises(StalledError, match="was not there after"):
                await shown(made, told, 0)
            monkeypatch.undo()
            monkeypatch.setattr(picture_process, "_ENTRY", "tests.coordinator.picture_children:obedient")
            told.open()
            assert await shown(made, told, 0) == b"frame 0"
            assert len(told.noted("started")) == 2

    run(main())


def test_who_waits_when_all_ends_is_told(told: Told, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as made:
            asking = [asyncio.create_task(shown(made, told, number)) for number in range(4)]
            await until(lambda: told.noted("asked"))
        ends = await asyncio.gather(*asking, return_exceptions=True)
        assert [str(end) for end in ends] == ["the coordinator is stopping"] * 4

    run(main())
