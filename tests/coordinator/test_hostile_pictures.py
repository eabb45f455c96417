"""Films that mean harm, looked at: each ends as a picture or a sentence, opens nothing, and harms nobody else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.coordinator.test_pictures import opened, through
from tests.hostile.canary import Canary
from tests.hostile.media import CASES, Seeds, spoilt
from tests.media import clips
from vidproc.coordinator.picture_orders import ToShow
from vidproc.coordinator.pictures import Film, Pictures
from vidproc.errors import VidprocError
from vidproc.model import FilterSpec

pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]

AT_A_TIME = 4


async def looked_at(made: Pictures, film: Film) -> str:
    """What was said, or nothing where it was all shown."""
    try:
        facts = await made.facts(film)
        for rank in {0, facts.frames // 2, facts.frames - 1}:
            await made.show(film, ToShow(rank, 320))
            await made.show(film, through(rank, FilterSpec("blur")))
    except VidprocError as error:
        return str(error)
    return ""


def look_at(films: Mapping[str, bytes], folder: Path) -> None:
    async def one(made: Pictures, name: str, number: int) -> tuple[str, str]:
        path = folder / f"film-{number}"
        path.write_bytes(films[name])
        return name, await looked_at(made, Film(path))

    async def main() -> None:
        good = Film(clips.make("constant rate", folder))
        async with opened(folder) as made:
            names = list(films)
            for first in range(0, len(names), AT_A_TIME):
                some = names[first : first + AT_A_TIME]
                for name, said in await asyncio.gather(*(one(made, name, first + n) for n, name in enumerate(some))):
                    assert "bug in vidproc" not in said, (name, said)
                    assert "\n" not in said, (name, said)
                assert await looked_at(made, good) == ""

    asyncio.run(main())


def hostile(names: list[str], folder: Path) -> None:
    with Canary(folder) as canary:
        seeds = Seeds(folder, canary.secret, canary.port)
        look_at({name: CASES[name](seeds) for name in names}, folder)
        assert canary.sang == []


def test_films_that_mean_harm(tmp_path: Path) -> None:
    hostile(list(CASES)[::20], tmp_path)


@pytest.mark.long
def test_all_films_that_mean_harm(tmp_path: Path) -> None:
    hostile(list(CASES), tmp_path)


@pytest.mark.parametrize("kind", ["constant rate", "vp9", "mpeg4 in avi"])
def test_spoilt_films(kind: str, tmp_path: Path) -> None:
    film = clips.make(kind, tmp_path).read_bytes()
    look_at(dict(spoilt(film, 1, 3, random.Random(kind))), tmp_path)
