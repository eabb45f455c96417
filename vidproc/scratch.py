"""Temporary folders that nobody leaves behind, not even a program that was killed.

Each is locked (flock(2)) as long as it is used, and the system lets go of a lock when its holder ends, however it does.
So whoever makes one first removes those that this user's programs left: what can be locked belongs to nobody.
systemd-tmpfiles(8) keeps its hands off locked folders in the same way.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_OURS = re.compile(r"vidproc-(new|tmp)-[0-9a-f]{8}")

_SETTLED_S = 60.0
"""What is older than this is not being made any more: it is held, or its maker is gone."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder that only this user may read, where the system keeps what is temporary; it vanishes with the block.

    It is named before it is made, so that no interruption can leave it behind; and it gets that name when it is locked,
    so that nobody takes it for abandoned. Raises `OSError`.
    """
    remove_abandoned()
    number = secrets.token_hex(4)
    fresh, path = (Path(tempfile.gettempdir(), f"vidproc-{kind}-{number}") for kind in ("new", "tmp"))
    with contextlib.ExitStack() as stack:
        for each in (fresh, path):
            stack.callback(shutil.rmtree, each, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        stack.enter_context(held(fresh))
        (fresh / "f").mkdir()
        fresh.rename(path)
        yield path / "f"  # which may be locked in turn, as whoever listens in a folder does


def remove_abandoned() -> None:
    """Remove what programs of this user that are gone have left."""
    for path in Path(tempfile.gettempdir()).glob("vidproc-*"):
        with contextlib.suppress(OSError):  # it has just vanished, or somebody holds it
            if _is_ours(path):
                with held(path):
                    shutil.rmtree(path, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    kind = _OURS.fullmatch(path.name)
    return kind is not None and path.lstat().st_uid == os.getuid() and (kind[1] == "tmp" or is_settled(path))


def is_settled(path: Path) -> bool:
    """Whether what gets another name once it is held must have got it by now, if ever. Raises `OSError`."""
    return time.time() - path.lstat().st_mtime > _SETTLED_S


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock of a file or folder, until the block ends or this process does. Raises `OSError` if another has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
