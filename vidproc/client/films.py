"""The files at a client's two ends: the film that goes in, and the one that comes out.

Nothing is overwritten by accident: an output that exists is refused unless asked for, one that is the input always.
What arrives is written beside its place under a temporary name, and takes the place only when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vidproc.errors import ClientError, StorageError

_BLOCK = 2**20
STANDARD = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A film to send: where it lies, how a person calls it, its size in bytes and its SHA-256."""

    path: Path
    name: str
    size: int
    sha256: str


def check_output(video: str, out: str, overwrite: bool) -> None:
    """Raises `ClientError` where the result could not, or should not, be written."""
    if out == STANDARD:
        return
    path = Path(out)
    if video != STANDARD and path.exists() and Path(video).exists() and path.samefile(video):
        raise ClientError(f"--out {out} is the input itself; give it another name")
    if path.is_dir():
        raise ClientError(f"--out {out} is a folder; give the name of a file")
    if path.exists() and not overwrite:
        raise ClientError(f"--out {out} exists; add --overwrite to replace it")
    folder = path.parent
    if not folder.is_dir():
        raise ClientError(f"--out {out}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ClientError(f"--out {out}: the folder {folder} cannot be written to")


@contextlib.contextmanager
def opened_source(video: str) -> Iterator[Source]:
    """The film, hashed. Standard input is first written to a temporary file: its hash is wanted before its bytes."""
    if video == STANDARD:
        with tempfile.NamedTemporaryFile(prefix="vidproc-") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, _BLOCK)
            file.flush()
            yield _hashed(Path(file.name), "standard input")
    else:
        path = Path(video)
        if not path.exists():
            raise ClientError(f"--video {video}: there is no such file")
        if not path.is_file():
            raise ClientError(f"--video {video} is not a file")
        yield _hashed(path, video)


def _hashed(path: Path, name: str) -> Source:
    try:
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ClientError(f"--video {name}: {error.strerror}") from None
    size = path.stat().st_size
    if size == 0:
        raise ClientError(f"--video {name} is empty")
    return Source(path, name, size, sha256)


@contextlib.contextmanager
def written(out: str) -> Iterator[BinaryIO]:
    """A file that becomes `out` when the block ends well, and vanishes when it does not."""
    if out == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(out)
    # Not tempfile's: the result should have the mode that any new file of this user has.
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _disk_errors(out), open(partial, "xb", buffering=0) as file:
            yield file
        with _disk_errors(out):
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def demand_room(out: str, size: int) -> None:
    """Raises `StorageError` when `size` bytes will not fit where `out` is to be written."""
    if out == STANDARD:
        return
    free = shutil.disk_usage(Path(out).parent).free
    if size > free:
        raise StorageError(f"--out {out}: too little disk, {size >> 20} MiB needed, {free >> 20} MiB free")


@contextlib.contextmanager
def _disk_errors(out: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"--out {out}: {error.strerror}") from error
