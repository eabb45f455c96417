"""Files as a disk takes them: whole, durably, or with a sentence that says why not."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vidproc.errors import StorageError, way_out


@contextlib.contextmanager
def disk_errors(doing: str, file_limit: str = "") -> Iterator[None]:
    """Translate the operating system's refusals into one line that says what was being done. `file_limit` is the
    setting, if any, that says how large files may be."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        limited = f"; {way_out(file_limit)}" if file_limit and error.errno == errno.EFBIG else ""
        raise StorageError(f"{doing}: {'the disk is full' if full else error.strerror or error}{limited}") from error


def sync(path: Path) -> None:
    """Make a file's bytes durable, or what a folder lists."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """To a file without a buffer, which may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def note_use(path: Path) -> None:
    """By the access time, so that the time of the last change still tells of changes."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
