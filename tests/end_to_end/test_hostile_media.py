"""Films that mean harm: each comes to an end, harms nobody else, and opens nothing that is not its own."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.programs import Cluster, cluster
from tests.hostile.canary import Canary
from tests.hostile.crowd import Fate, fates
from tests.hostile.media import CASES, Seeds, spoilt
from tests.media import clips
from vidproc.model import JobState
from vidproc.protocol.messages import Error, Finished
from vidproc.transport.address import Address

pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]

Send = Callable[[Mapping[str, Callable[[], bytes]]], dict[str, Fate]]

QUICK = [*list(CASES)[::6]]
"""A sample for every run of the tests."""

FORMATS = {
    "mp4": "edit list",
    "mkv": "variable rate",
    "webm": "vp9",
    "avi": "mpeg4 in avi",
    "ts": "mpegts",
    "ogg": "vp8 in ogg",
    "flv": "flv",
    "gif": "gif",
    "mov": "prores",
}
CUTS, FLIPS = 25, 50


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    with Canary(tmp_path) as made:
        yield made
        assert made.sang == []


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Not for long does it look at a film to find out what that is."""
    with cluster(tmp_path_factory.mktemp("own"), "--probe-limit", 4) as made:
        made.add_worker(2)
        yield made


@pytest.fixture
def send(own: Cluster, film: Path) -> Iterator[Send]:
    """Sends films, by their names; at the end the same processes serve, and serve well."""

    def send(sent: Mapping[str, Callable[[], bytes]]) -> dict[str, Fate]:
        found = asyncio.run(fates(Address.unix(own.unix), sent))
        assert found.keys() == sent.keys()
        return found

    yield send
    assert [program.process.poll() for program in own.programs] == [None, None]
    good = send({"good": film.read_bytes})["good"]
    assert isinstance(good, Finished)
    assert good.state is JobState.DONE
    own.nothing_left()


def check(found: dict[str, Fate]) -> None:
    """What failed says why in one line, and none of it was vidproc's own mistake."""
    assert [name for name, fate in found.items() if isinstance(fate, Error) and fate.code == "no-end"] == []
    for name, fate in found.items():
        ok = isinstance(fate, Finished) and fate.state is JobState.DONE
        assert ok or (fate.message and "\n" not in fate.message), name
        assert "bug in vidproc" not in fate.message, f"{name}: {fate.message}"


def test_the_canary_sings(tmp_path: Path) -> None:
    with Canary(tmp_path) as canary:
        assert canary.sang == []
        with canary.secret.open("rb") as file:
            file.read()
        with socket.create_connection(("127.0.0.1", canary.port)):
            canary._thread.join()
            assert canary.sang == ["the file was read", "the port was dialled"]


def hostile(names: list[str], films: Path, canary: Canary) -> dict[str, Callable[[], bytes]]:
    seeds = Seeds(films, canary.secret, canary.port)
    return {name: partial(CASES[name], seeds) for name in names}


def test_films_that_mean_harm(send: Send, canary: Canary, films: Path) -> None:
    check(send(hostile(QUICK, films, canary)))


@pytest.mark.long
def test_all_films_that_mean_harm(send: Send, canary: Canary, films: Path) -> None:
    assert len(CASES) > 100
    check(send(hostile(list(CASES), films, canary)))


def spoilt_films(form: str, films: Path, cuts: int, flips: int) -> dict[str, Callable[[], bytes]]:
    """By names that tell how to make them again."""
    film = clips.make(FORMATS[form], films).read_bytes()
    made = spoilt(film, cuts, flips, random.Random(form))
    return {f"{form}: {how}": partial(bytes, data) for how, data in made}


@pytest.mark.parametrize("form", FORMATS)
def test_spoilt_films(send: Send, films: Path, form: str) -> None:
    check(send(spoilt_films(form, films, 2, 3)))


@pytest.mark.long
@pytest.mark.parametrize("form", FORMATS)
def test_many_spoilt_films(send: Send, films: Path, form: str) -> None:
    """Over all formats 225 cut short, and 450 with bits flipped."""
    check(send(spoilt_films(form, films, CUTS, FLIPS)))
