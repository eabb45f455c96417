"""Uploads on their way in, and disks that do not take them."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidproc.errors import StorageError
from vidproc.storage.incoming import IncomingFolder


@pytest.fixture
def folder(tmp_path: Path) -> IncomingFolder:
    made = IncomingFolder(tmp_path / "incoming")
    made.open()
    return made


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
