"""A chunk's result as it arrives."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from vidproc.errors import StorageError
from vidproc.storage.disk import disk_errors
from vidproc.storage.result_file import ResultFile

RECORDS = b"packet records" * 100
SHA256 = hashlib.sha256(RECORDS).hexdigest()


def expected(folder: Path, lease: int = 1) -> ResultFile:
    return ResultFile(folder / "3", lease, len(RECORDS), SHA256)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_kept_when_it_came_whole(tmp_path: Path) -> None:
    file = expected(tmp_path)
    assert not file.write(RECORDS[:500])
    assert names(tmp_path) == ["3.1"]
    assert file.write(memoryview(RECORDS)[500:])
    file.keep()
    assert names(tmp_path) == ["3"]
    assert (tmp_path / "3").read_bytes() == RECORDS


@pytest.mark.parametrize("wrong", [RECORDS[:-1] + b"!", RECORDS + b"!"], ids=["another hash", "too long"])
def test_what_was_not_announced_is_refused_and_discarded(tmp_path: Path, wrong: bytes) -> None:
    file = expected(tmp_path)
    file.write(wrong[:500])
    with pytest.raises(ValueError, match="does not match its size and SHA-256"):
        file.write(wrong[500:])
    file.discard()
    assert names(tmp_path) == []


def test_two_attempts_at_a_chunk_do_not_mix(tmp_path: Path) -> None:
    first, second = expected(tmp_path, 1), expected(tmp_path, 2)
    first.write(RECORDS[:700])
    second.write(RECORDS)
    second.keep()
    first.discard()
    assert (tmp_path / "3").read_bytes() == RECORDS


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "3.1").symlink_to("/dev/full")
    file = expected(tmp_path)
    with pytest.raises(StorageError, match=r"^cannot store a chunk: the disk is full$"):
        file.write(RECORDS)
    file.discard()
    assert names(tmp_path) == []


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot store a chunk: No such file or directory"):
        expected(tmp_path / "gone")


def test_an_error_without_a_number_keeps_its_words() -> None:
    with pytest.raises(StorageError, match=r"^writing: out of order$"), disk_errors("writing"):
        raise OSError("out of order")
    with pytest.raises(StorageError, match=r"^writing: the disk is full$"), disk_errors("writing"):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
