from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.media import clips
from vidproc.errors import NotHereError
from vidproc.filters.contract import Picture
from vidproc.media import decode
from vidproc.media.convert import Converter
from vidproc.media.decoders import to_packet
from vidproc.media.ingest import Ingested, Listener, ingest
from vidproc.media.random_access import RandomAccess
from vidproc.model import Chunk


def opened(path: Path, folder: Path) -> RandomAccess:
    chunks: list[Chunk] = []
    source: Ingested = ingest(path, folder / "packets", listener=Listener(chunks=chunks.extend))
    stream = source.info.stream
    return RandomAccess(source, chunks, folder / "packets", Converter(stream.colour, stream.width, stream.height))


def samples(picture: Picture) -> list[bytes]:
    return [np.ascontiguousarray(plane).tobytes() for plane in picture.planes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.mark.parametrize("kind", clips.CLIPS)
def test_any_frame_is_the_one_that_a_whole_pass_gives(kind: str, folder: Path, tmp_path: Path) -> None:
    film = opened(clips.make(kind, folder), tmp_path)
    segments = film.source.segments
    whole = {rank: samples(it) for each in segments for rank, it in film.pictures(range(each.start, each.stop))}
    assert sorted(whole) == list(range(film.source.frames))
    for rank in {0, film.source.frames - 1, *(rank * 7919 % film.source.frames for rank in range(5))}:
        ((at, picture),) = opened(clips.make(kind, folder), tmp_path).pictures(range(rank, rank + 1))
        assert at == rank
        assert samples(picture) == whole[rank]


@pytest.mark.parametrize("kind", clips.DAMAGED)
def test_every_frame_of_a_damaged_film_is_shown_somehow(kind: str, folder: Path, tmp_path: Path) -> None:
    film = opened(clips.make(kind, folder), tmp_path)
    for rank in range(film.source.frames):
        ((at, picture),) = film.pictures(range(rank, rank + 1))
        assert (at, picture.width, picture.height) == (rank, clips.WIDTH, clips.HEIGHT)


@pytest.mark.parametrize("kind", ["one keyframe", "open gop", "joined", "change of size", "vp8", "b pyramid"])
def test_whoever_moves_about_sees_the_same_frames(kind: str, folder: Path, tmp_path: Path) -> None:
    """Forward and back, by steps and leaps, through windows of all lengths, with much kept and with little."""
    film = opened(clips.make(kind, folder), tmp_path)
    segments = film.source.segments
    whole = {rank: samples(it) for each in segments for rank, it in film.pictures(range(each.start, each.stop))}
    dice = random.Random(5)
    for most in (64, 10, 3, 0):
        film, at = opened(clips.make(kind, folder), tmp_path), 0
        film._most_kept = most
        for _ in range(60):
            at = (at + dice.choice([1, 1, 1, -1, -2, 5, 17, -23])) % film.source.frames
            here = film.segment_of(at)
            wanted = range(at, min(here.stop, at + dice.choice([1, 1, 2, 7])))
            seen = {rank: samples(it) for rank, it in film.pictures(wanted)}
            assert seen == {rank: whole[rank] for rank in wanted}
            assert len(film._kept) <= most


def fed(film: RandomAccess, wanted: range, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many packets it took to show these."""
    ranks: list[int] = []
    monkeypatch.setattr(decode, "to_packet", lambda record: (ranks.append(record.rank), to_packet(record))[1])
    assert [rank for rank, _ in film.pictures(wanted)] == list(wanted)
    return len(ranks)


def test_little_is_decoded_for_steps_and_nothing_for_what_was_shown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = opened(clips.make("one keyframe", folder), tmp_path)
    assert fed(film, range(40, 41), monkeypatch) > 40
    assert fed(film, range(40, 41), monkeypatch) == 0
    assert sum(fed(film, range(rank, rank + 1), monkeypatch) for rank in range(41, 50)) < 15
    assert fed(film, range(38, 41), monkeypatch) == 0  # a few steps back
    assert fed(film, range(49, 51), monkeypatch) < 5  # a window that is there but for its end


def test_a_frame_whose_packets_were_cleared_away_is_not_here(folder: Path, tmp_path: Path) -> None:
    film = opened(clips.make("constant rate", folder), tmp_path)
    (tmp_path / "packets").unlink()
    with pytest.raises(NotHereError):
        list(film.pictures(range(13, 15)))


def test_a_film_has_its_frames_and_no_others(folder: Path, tmp_path: Path) -> None:
    film = opened(clips.make("joined", folder), tmp_path)
    assert film.segment_of(0).index == 0
    assert film.segment_of(film.source.frames - 1).index == len(film.source.segments) - 1 > 0
    for rank in (-1, film.source.frames):
        with pytest.raises(NotHereError, match=f"has {film.source.frames} frames"):
            film.segment_of(rank)


def test_landmarks_lie_all_over_the_film(folder: Path, tmp_path: Path) -> None:
    film = opened(clips.make("constant rate", folder), tmp_path)
    assert film.landmarks(6) == (0, 10, 20, 30, 40, 50)
    assert film.landmarks(1000) == tuple(range(60))
    far_apart = {**clips.B_FRAMES, "g": "100", "sc_threshold": "0"}
    clips.write(tmp_path / "long.mp4", clips.Film(options=far_apart, count=300))
    film = opened(tmp_path / "long.mp4", tmp_path)
    for rank in film.landmarks(12):
        assert rank % 100 <= 48
    assert {rank // 100 for rank in film.landmarks(12)} == {0, 1, 2}
