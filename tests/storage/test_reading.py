"""Ranges of files, from memory and through a thread."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from vidproc.storage.reading import read_range


def read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        return asyncio.run(read_range(file.fileno(), range(offset, offset + size)))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film"
    path.write_bytes(bytes(range(256)) * 64)
    return path


def test_a_range_of_a_file(film: Path) -> None:
    assert read(film, 300, 1000) == film.read_bytes()[300:1300]
    assert read(film, 0, 0) == b""


def test_a_file_system_that_cannot_tell_what_is_in_memory(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "preadv", refuse)
    assert read(film, 300, 1000) == film.read_bytes()[300:1300]


def test_a_range_of_which_only_the_beginning_is_in_memory(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(file: int, rooms: list[bytearray], offset: int, flags: int) -> int:
        rooms[0][:500] = os.pread(file, 500, offset)
        return 500

    monkeypatch.setattr(os, "preadv", half)
    assert read(film, 300, 1000) == film.read_bytes()[300:1300]


def test_a_file_that_is_shorter_than_it_was(film: Path) -> None:
    with pytest.raises(OSError, match="shorter"):
        read(film, 16000, 1000)


def test_another_error_is_not_hidden(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read(film, 0, 1000)
