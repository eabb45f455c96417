"""A film that is read while it arrives is read like one that was there before: by whatever pieces it comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.media.clips import CLIPS, DAMAGED, X264, Film, write
from tests.media.reading import read
from vidproc.errors import MediaError
from vidproc.media.growing import GrowingFile
from vidproc.media.ingest import Listener, ingest

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]


@contextmanager
def arriving(path: Path, step: int) -> Iterator[GrowingFile]:
    """It is here as far as it is waited for, and less than a step further."""

    def more(position: int) -> None:
        assert file.held <= position < file.size, "only what is missing is waited for"
        file.held = min(file.size, file.held + step)

    with GrowingFile(path, path.stat().st_size, 0, more) as file:
        yield file


@contextmanager
def scattered(path: Path, step: int) -> Iterator[GrowingFile]:
    """Nothing comes in its turn: what is waited for is brought."""
    content = path.read_bytes()

    def bring(position: int) -> None:
        start = position - position % step
        file.add(start, content[start : start + step])

    with GrowingFile(path, len(content), 0, bring) as file:
        yield file


@pytest.mark.parametrize("name", [*CLIPS, *DAMAGED])
def test_a_film_of_which_all_comes_out_of_its_turn(name: str, clip: Clip, tmp_path: Path) -> None:
    whole = read(clip(name), tmp_path)
    with scattered(clip(name), 3001) as file:
        assert read(file, tmp_path) == whole


@pytest.mark.parametrize("name", [*CLIPS, *DAMAGED])
def test_a_film_in_pieces_gives_the_same_packets_and_chunks(name: str, clip: Clip, tmp_path: Path) -> None:
    whole = read(clip(name), tmp_path)
    with arriving(clip(name), 1021) as file:
        assert read(file, tmp_path) == whole


_FROM_FRONT_TO_BACK = {
    "matroska": (".mkv", {}),
    "flv": (".flv", {}),
    "mp4 with its index in front": (".mp4", {"movflags": "faststart"}),
}


@pytest.mark.parametrize("kind", _FROM_FRONT_TO_BACK)
def test_chunks_are_known_before_the_film_is_here(kind: str, tmp_path: Path) -> None:
    suffix, options = _FROM_FRONT_TO_BACK[kind]
    path, held = tmp_path / f"film{suffix}", []
    write(path, Film(options={**X264, "g": "24"}, count=1200, container=options))
    with arriving(path, 4096) as file:
        ingest(file, tmp_path / "packets", None, Listener(chunks=lambda chunks: held.extend([file.held] * len(chunks))))
        shares = [at / file.size for at in held]
    assert len(shares) > 5
    assert shares[0] < 0.5
    assert shares == sorted(shares)


_INDEX_AT_ITS_END = {"mp4": (".mp4", "libx264"), "mpegts": (".ts", "libx264"), "avi": (".avi", "mpeg4")}


@pytest.mark.parametrize("kind", _INDEX_AT_ITS_END)
def test_chunks_are_known_early_when_the_end_comes_out_of_its_turn(kind: str, tmp_path: Path) -> None:
    suffix, codec = _INDEX_AT_ITS_END[kind]
    path, held = tmp_path / f"film{suffix}", []
    write(path, Film(codec, options={**X264, "g": "24"} if codec == "libx264" else {"g": "24"}, count=1200))
    content, step = path.read_bytes(), 4096

    def more(position: int) -> None:
        if position > len(content) // 2 > file.held:
            file.add(position, content[position : position + step])
        else:
            file.grow(min(len(content), file.held + step))

    with GrowingFile(path, len(content), 0, more) as file:
        ingest(file, tmp_path / "packets", None, Listener(chunks=lambda chunks: held.append(file.held)))
    assert held[0] < len(content) // 2


def test_what_came_out_of_its_turn_is_let_go_of_when_its_turn_has_come(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"0123456789")
    with GrowingFile(tmp_path / "film", 10, 0, pytest.fail) as file:
        file.add(4, b"abc")
        file.seek(5)
        assert file.read(9) == b"bc"
        file.grow(7)
        file.seek(5)
        assert file.read(9) == b"56"
        file.grow(10)
        assert file.read() == b"789"


def test_a_file_that_grows_reads_like_any_other(tmp_path: Path) -> None:
    content = os.urandom(5000)
    (tmp_path / "film").write_bytes(content)
    with arriving(tmp_path / "film", 700) as file:
        assert file.seek(-1000, os.SEEK_END) == 4000
        assert file.read(4) == content[4000:4004]
        assert file.seek(6, os.SEEK_CUR) == file.tell() == 4010
        assert file.readall() == content[4010:]
        assert file.read(1) == b""
        file.seek(0)
        assert file.readall() == content
        assert file.seek(9000) == 9000
        assert file.read(1) == b""


def test_what_is_shorter_than_it_was_ends_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(b"cut")
    with GrowingFile(tmp_path / "film", 100, 100, pytest.fail) as file:
        assert file.readall() == b"cut"


@pytest.mark.parametrize(("name", "size", "said"), [("none", 9, "none is not a file"), ("film", 0, "is an empty file")])
def test_what_can_never_be_read(tmp_path: Path, name: str, size: int, said: str) -> None:
    (tmp_path / "film").touch()
    with pytest.raises(MediaError, match=said):
        GrowingFile(tmp_path / name, size, 0, pytest.fail)
