"""Temporary folders: there while somebody holds them, gone soon after, however their holder ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidproc import scratch

HOLD = """
from vidproc import scratch
with scratch.folder() as folder:
    (folder / "film").write_text("")
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go meanwhile."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@contextlib.contextmanager
def holder() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another program that has a folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", HOLD], **pipes, text=True) as program:
        assert program.stdout is not None
        yield program, Path(program.stdout.readline().strip())


def test_a_folder_is_ones_own_and_vanishes_with_the_block(place: Path) -> None:
    with scratch.folder() as folder:
        (folder / "sub").mkdir()
        assert list(place.iterdir()) == [folder.parent]
        assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert list(place.iterdir()) == []


def test_what_a_killed_program_left_is_removed_by_the_next_one(place: Path) -> None:
    with holder() as (program, left):
        program.send_signal(signal.SIGKILL)
        program.wait()
    assert (left / "film").exists()
    with scratch.folder() as folder:
        assert list(place.iterdir()) == [folder.parent]


def test_a_folder_may_be_locked_by_its_owner(place: Path) -> None:
    with scratch.folder() as folder, scratch.held(folder):
        assert folder.is_dir()


def test_what_a_program_left_that_was_killed_before_it_held_it(place: Path) -> None:
    old, new = place / "vidproc-new-01234567", place / "vidproc-new-89abcdef"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    scratch.remove_abandoned()
    assert (old.exists(), new.exists()) == (False, True), "the newer one may be about to be held"
    new.rmdir()


def test_what_somebody_holds_is_not_touched(place: Path) -> None:
    with holder() as (program, theirs), scratch.folder() as ours:
        scratch.remove_abandoned()
        assert (theirs / "film").exists()
        assert sorted(place.iterdir()) == sorted([ours.parent, theirs.parent])
        program.communicate("\n")
    assert list(place.iterdir()) == []


def test_nothing_else_is_taken_for_abandoned(place: Path) -> None:
    victim = place / "victim"
    victim.mkdir()
    (victim / "film").touch()
    (place / "vidproc-tmp-of-mine").mkdir()
    (place / "vidproc-tmp-0123456").touch()
    (place / "vidproc-tmp-01234567").symlink_to(victim)
    before = sorted(place.iterdir())
    scratch.remove_abandoned()
    assert sorted(place.iterdir()) == before
    assert (victim / "film").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_another_user_s_folder_is_not_touched(place: Path) -> None:
    theirs = place / "vidproc-tmp-01234567"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    scratch.remove_abandoned()
    assert theirs.exists()
