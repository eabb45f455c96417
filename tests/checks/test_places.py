from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.surroundings import small_disk
from vidproc.checks import places
from vidproc.checks.finding import Finding, Level

pytestmark = pytest.mark.process

_FULL = "head -c 1G /dev/zero > $0/filler 2>/dev/null; "
_READ_ONLY = "mount -o remount,ro $0; "


def of_folder(folder: Path) -> Finding:
    (found,) = places.data_folder(folder)
    return found


def test_a_folder_that_is_good_and_stays_empty(tmp_path: Path) -> None:
    found = of_folder(tmp_path)
    assert found.level in (Level.OK, Level.WARNING), "the disk of the tests may be small"
    assert "can be written to and synced" in found.said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = of_folder(tmp_path / "a" / "b")
    assert f"will be made in {tmp_path}" in found.said
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert of_folder(tmp_path / "data").level is Level.PROBLEM
    assert of_folder(tmp_path / "data" / "deeper").level is Level.PROBLEM


@pytest.mark.parametrize(("before", "words"), [(_FULL, "No space left"), (_READ_ONLY, "Read-only file system")])
def test_a_disk_that_takes_nothing(tmp_path: Path, before: str, words: str) -> None:
    disk = tmp_path / "disk"
    code = "import sys; from pathlib import Path; from vidproc.checks.places import data_folder;"
    code += "print(*data_folder(Path(sys.argv[1])))"
    command = [*small_disk(disk, 2**20), "sh", "-c", f'{before} exec "$@"', str(disk), sys.executable, "-c", code]
    done = subprocess.run([*command, str(disk)], capture_output=True, text=True, timeout=60)
    assert words in done.stdout, done.stderr
    assert "problem" in done.stdout


def test_a_disk_with_little_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    code = "import sys; from pathlib import Path; from vidproc.checks.places import data_folder;"
    code += "print(*[each.level for each in data_folder(Path(sys.argv[1]))])"
    for size, level in [(2**24, "problem"), (2**30, "warning")]:
        command = [*small_disk(disk, size), sys.executable, "-c", code, str(disk)]
        assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == f"{level}\n"


def of_socket(path: Path) -> Finding:
    (found,) = places.socket_path(path)
    return found


def test_paths_for_a_socket(tmp_path: Path) -> None:
    assert of_socket(tmp_path / "free").said == "free"
    assert not (tmp_path / "free").exists()
    (tmp_path / "file").touch()
    assert "no socket" in of_socket(tmp_path / "file").said
    assert of_socket(tmp_path / "missing" / "socket").level is Level.PROBLEM
    assert "too long" in of_socket(tmp_path / ("long" * 30)).said


def test_a_socket_that_was_left_is_told_of_and_not_touched(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fspath(tmp_path / "left"))
    assert "replaces it" in of_socket(tmp_path / "left").said
    assert (tmp_path / "left").exists()


def test_the_folder_of_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.tempfile, "tempdir", os.fspath(tmp_path))
    (found,) = places.temporary_files()
    assert str(tmp_path) in found.subject
    assert "can be written to" in found.said
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(places.tempfile, "tempdir", os.fspath(tmp_path / "gone"))
    (found,) = places.temporary_files()
    assert found.level is Level.PROBLEM
    assert "TMPDIR" in found.advice


@pytest.mark.parametrize(("mode", "level"), [(0o600, Level.OK), (0o640, Level.WARNING), (0o604, Level.WARNING)])
def test_a_token_that_others_may_read(tmp_path: Path, mode: int, level: Level) -> None:
    path = tmp_path / "token"
    path.touch()
    path.chmod(mode)
    assert [each.level for each in places.token_file(path)] == [level]
