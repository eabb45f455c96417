"""Uploads of which bytes count when they were synced and noted, and those alone."""

from __future__ import annotations

import contextlib
import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.folders import small_files
from vidproc.errors import StorageError
from vidproc.storage.incoming import IncomingFile, IncomingFolder
from vidproc.storage.spool import Spool

FILM = bytes(range(256)) * 1024


@pytest.fixture
def folder(tmp_path: Path) -> IncomingFolder:
    made = IncomingFolder(tmp_path / "incoming")
    assert made.open() == []
    return made


def begun(folder: IncomingFolder, size: int | None = len(FILM)) -> IncomingFile:
    made = folder.create("film.mp4", size, 1e10)
    made.begin()
    return made


def found(tmp_path: Path) -> list[IncomingFile]:
    """What another coordinator finds."""
    return IncomingFolder(tmp_path / "incoming").open()


def test_what_was_committed_counts(folder: IncomingFolder, tmp_path: Path) -> None:
    one = begun(folder)
    one.write(FILM[:1000])
    one.commit(2e10)
    one.write(FILM[1000:2000])
    assert (one.known.offset, one.uncommitted) == (1000, 1000)
    one.end()
    (again,) = found(tmp_path)
    assert again.known == one.known
    assert (again.known.offset, again.known.expires_at) == (1000, 2e10)


@pytest.mark.parametrize("restarted", [False, True])
def test_it_goes_on_where_it_counts_up_to(folder: IncomingFolder, tmp_path: Path, restarted: bool) -> None:
    one = begun(folder)
    one.write(FILM[:1000])
    one.commit(1e10)
    one.write(b"what does not count")
    one.end()
    if restarted:
        (one,) = found(tmp_path)
    one.begin()
    one.write(FILM[1000:])
    one.commit(1e10)
    one.end()
    assert one.path.read_bytes() == FILM
    assert one.sha256() == hashlib.sha256(FILM).hexdigest()


def test_what_nobody_can_go_on_with_is_removed(folder: IncomingFolder, tmp_path: Path) -> None:
    sound, torn, shorter, lost, unknown = (begun(folder, None if n == 4 else 5000) for n in range(5))
    for each in (sound, torn, shorter, lost, unknown):
        each.write(FILM[:1000])
        each.commit(1e10)
        each.end()
    torn.path.with_suffix(".json").write_bytes(b'{"id":')
    shorter.path.write_bytes(FILM[:999])
    lost.path.unlink()
    (tmp_path / "incoming" / "a-stranger").write_bytes(b"")
    (tmp_path / "incoming" / f"{sound.known.id}.new").write_bytes(b"")
    assert [each.known.id for each in found(tmp_path)] == [sound.known.id]
    assert sorted(path.name for path in (tmp_path / "incoming").iterdir()) == [
        sound.known.id, f"{sound.known.id}.json"
    ]  # fmt: skip


def test_a_note_of_another_upload_is_none(folder: IncomingFolder, tmp_path: Path) -> None:
    one = begun(folder)
    one.end()
    one.path.with_suffix(".json").rename(tmp_path / "incoming" / ("0" * 32 + ".json"))
    assert found(tmp_path) == []


def test_a_disk_that_takes_no_more_costs_what_was_not_committed(folder: IncomingFolder) -> None:
    one = begun(folder)
    one.write(FILM[:90_000])
    one.commit(1e10)
    with small_files(), pytest.raises(StorageError, match="cannot store the upload: File too large"):
        one.write(FILM[90_000:])
    one.end()
    one.begin()
    one.write(FILM[90_000:])
    one.commit(1e10)
    one.end()
    assert one.sha256() == hashlib.sha256(FILM).hexdigest()


def test_a_whole_one_is_kept_as_a_source_by_its_own_name_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    try:
        folder = IncomingFolder(tmp_path / "incoming")
        folder.open()
        sha256 = hashlib.sha256(FILM).hexdigest()
        for _ in range(2):
            one = begun(folder)
            one.write(FILM)
            one.commit(1e10)
            one.end()
            for _ in range(2):
                spool.adopt(one.path, one.sha256())
            assert spool.size_of(sha256) == len(FILM)
            spool.trim(0)
            assert spool.size_of(sha256) is None
            assert one.path.read_bytes() == FILM
        assert [path.name for path in (tmp_path / "incoming").glob("*.link")] == []
    finally:
        spool.close()


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Meanwhile the disk takes no byte. Python ignores the signal that goes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageError):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_of_one_that_cannot_begin_nothing_stays(folder: IncomingFolder, tmp_path: Path) -> None:
    with refused():
        folder.create("film.mp4", 100, 0.0)
    assert not list((tmp_path / "incoming").iterdir())


def test_of_one_that_is_removed_after_a_disk_error_nothing_stays(folder: IncomingFolder, tmp_path: Path) -> None:
    file = folder.create("film.mp4", 100, 0.0)
    file.begin()
    with refused():
        file.commit(1.0)
    file.end()
    file.remove()
    assert not list((tmp_path / "incoming").iterdir())


def test_one_that_was_not_begun_may_end(folder: IncomingFolder) -> None:
    one = folder.create("film.mp4", 1, 1e10)
    one.path.unlink()
    with pytest.raises(StorageError, match="No such file"):
        one.begin()
    assert not one.begun
    one.end()
