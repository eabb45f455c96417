"""A part of a film is had without reading what lies before it, and is the same."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.media.clips import B_FRAMES, X264, Film, write
from tests.media.reading import Frames, Read, read
from tests.media.test_growing import scattered
from vidproc.media.arrivals import ArrivingPackets
from vidproc.media.ingest import Request
from vidproc.model import Chunk

pytestmark = pytest.mark.media

COUNT, RATE = 300, 24
OPEN = "open-gop=1:keyint=20:min-keyint=20:scenecut=0:b-adapt=0:bframes=3"
_MS = Fraction(1, 1000)
_UNEVEN = [n * 42 + n * n % 37 + (700 if n > 150 else 0) for n in range(COUNT)]
_X265 = {"preset": "ultrafast", "x265-params": f"{OPEN}:log-level=0:pools=1:frame-threads=1"}
_VP9 = {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16", "b": "60k", "g": "20"}
_EDITED = {"avoid_negative_ts": "disabled", "use_editlist": "1"}

FILMS: dict[str, tuple[str, Film]] = {
    "mp4": (".mp4", Film(options=B_FRAMES)),
    "mkv": (".mkv", Film(options=B_FRAMES)),
    "open gop": (".mp4", Film(options={**B_FRAMES, "x264-params": OPEN})),
    "open gop mkv": (".mkv", Film(options={**B_FRAMES, "x264-params": OPEN})),
    "hevc open gop": (".mp4", Film(codec="libx265", options=_X265)),
    "edit list": (".mp4", Film(options=B_FRAMES, times=range(-9, COUNT - 9), container=_EDITED)),
    "start offset": (".mkv", Film(options=B_FRAMES, times=[5000 + 42 * n for n in range(COUNT)], tick=_MS)),
    "variable rate": (".mkv", Film(options=B_FRAMES, times=_UNEVEN, tick=_MS)),
    "variable rate mp4": (".mp4", Film(options=B_FRAMES, times=_UNEVEN, tick=_MS)),
    "vp9": (".webm", Film(codec="libvpx-vp9", options=_VP9)),
    "ffv1": (".mkv", Film(codec="ffv1", options={"g": "10"})),
    "fragments": (".mp4", Film(options=B_FRAMES, container={"movflags": "frag_keyframe+empty_moov"})),
}
OTHERS: dict[str, tuple[str, Film]] = {
    "one keyframe": (".mp4", Film(options={**B_FRAMES, "g": "999"})),
    "intra refresh": (".mkv", Film(options={**X264, "x264-params": "intra-refresh=1:keyint=12"})),
    "mpegts": (".ts", Film(options=B_FRAMES)),
    "mpeg4 in avi": (".avi", Film(codec="mpeg4", options={"g": "12", "bf": "2"})),
    "h264 in avi": (".avi", Film(options=B_FRAMES)),
    "flv": (".flv", Film(options=B_FRAMES)),
    "mpeg2 in ps": (".mpg", Film(codec="mpeg2video", rate=25, options={"g": "12", "bf": "2"})),
    "vp8 in ogg": (".ogg", Film(codec="libvpx", options={"deadline": "realtime", "b": "60k"})),
}


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("long")

    def made(name: str) -> Path:
        suffix, film = {**FILMS, **OTHERS}[name]
        path = folder / (name.replace(" ", "-") + suffix)
        if not path.exists():
            film.count = COUNT
            write(path, film)
        return path

    return made


def without_offsets(chunks: list[Chunk]) -> list[tuple[int, ...]]:
    return [(it.index, it.start, it.stop, it.first, it.last, it.segment) for it in chunks]


def shown(film: Read) -> list[Frames]:
    return [film.afresh(chunk) for chunk in film.chunks]


def facts(film: Read) -> tuple[Any, ...]:
    result = film.result
    kept = result.info, result.times, result.durations, result.segments, result.losses, result.kept, result.counted
    return *kept, without_offsets(film.chunks), film.heard, shown(film)


@pytest.mark.parametrize("name", [*FILMS, *OTHERS])
@pytest.mark.parametrize("start", [6.0, 7.3, 9.99])
def test_it_is_the_same_as_if_all_had_been_read(
    name: str, start: float, film: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(start=start, duration=1.5)
    part = read(film(name), tmp_path, request)
    monkeypatch.setattr(ArrivingPackets, "skip_to", lambda *_: None)
    whole = read(film(name), tmp_path, request)
    assert facts(part) == facts(whole)
    assert part.result.frames > 10
    assert part.result.packets <= whole.result.packets
    if name in FILMS:
        assert part.result.packets < whole.result.packets - 50


@pytest.mark.parametrize("name", FILMS)
def test_it_is_the_same_while_the_film_arrives(name: str, film: Callable[[str], Path], tmp_path: Path) -> None:
    request = Request(start=8.1, duration=1.0)
    whole = read(film(name), tmp_path, request)
    with scattered(film(name), 3001) as file:
        assert read(file, tmp_path, request) == whole


@pytest.mark.parametrize("name", ["mp4", "mkv"])
def test_what_lies_before_and_behind_is_not_read(name: str, film: Callable[[str], Path], tmp_path: Path) -> None:
    """But the film's head, a second and a group of pictures before, and some packets behind."""
    few = read(film(name), tmp_path, Request(start=9.0, duration=0.5)).result.packets
    assert few < 32 + RATE + 12 + 12 + 64 + 20 < COUNT
