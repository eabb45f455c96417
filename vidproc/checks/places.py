"""The data folder, temporary files, the file of the token, and the path of a socket."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vidproc.checks.finding import Finding, ok, problem, warning
from vidproc.errors import ClientError, one_line
from vidproc.transport.address import Address

_TOO_LITTLE = 64 * 2**20  # what a coordinator leaves free
_LITTLE = 2 * 2**30
_PROBE = b"vidproc doctor" * 300


def data_folder(folder: Path) -> Iterator[Finding]:
    """Where there is none yet, the one that it would be made in is looked at; none is made."""
    place = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    said = "can be written to and synced" if place == folder else f"will be made in {place}"
    yield _looked_at(f"data folder {folder}", place, said, "give another folder with --data-dir")


def temporary_files() -> Iterator[Finding]:
    """`vidproc-run` keeps all of a job there, and every program its sockets."""
    try:
        place = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        yield problem("temporary files", one_line(str(error.strerror)), "set TMPDIR to a folder that takes files")
        return
    yield _looked_at(f"temporary files {place}", place, "can be written to and synced", "set TMPDIR to another folder")


def _looked_at(subject: str, place: Path, good: str, elsewhere: str) -> Finding:
    if not place.is_dir():
        return problem(subject, f"{place} is no folder", elsewhere)
    try:
        _write(place)
    except OSError as error:
        return problem(subject, f"{place} cannot be written to: {error.strerror}", f"{_remedy(error)}, or {elsewhere}")
    return _room(subject, good, place, elsewhere)


def _write(folder: Path) -> None:
    """As a coordinator does, to a file without a name, which goes when it is closed."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(_PROBE)
        file.flush()
        os.fsync(file.fileno())


def _remedy(error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "make room on its disk" if full else "have its owner let you write there"


def _room(subject: str, said: str, place: Path, elsewhere: str) -> Finding:
    free = shutil.disk_usage(place).free
    said = f"{said}; {free / 2**30:.1f} GiB are free"
    if free < _TOO_LITTLE:
        return problem(subject, said, f"make room on its disk, or {elsewhere}")
    if free < _LITTLE:
        return warning(subject, said, f"make room, since a film needs three times its size there, or {elsewhere}")
    return ok(subject, said)


def token_file(path: Path) -> Iterator[Finding]:
    """One that could be read already: a token that is too short, or none, ends every program."""
    subject, mode = f"token file {path}", path.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        yield warning(subject, f"others on this machine may read it ({stat.filemode(mode)})", f"chmod 600 {path}")
    else:
        yield ok(subject, "for its owner alone")


def socket_path(path: str | os.PathLike[str]) -> Iterator[Finding]:
    """Of a socket where nobody answers: whether a coordinator could listen there."""
    subject = f"socket {path}"
    try:
        place = Path(Address.unix(path).path)
    except ClientError as error:
        yield problem(subject, str(error), "give another path with --unix-socket")
        return
    folder = place.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        yield problem(subject, f"{folder} is no folder that can be written to", "make it, or give another path")
    elif os.path.lexists(place) and not _is_socket(place):
        yield problem(subject, "there is a file that is no socket", "remove it yourself, or give another path")
    else:
        left = "left by a coordinator that is gone; the next one replaces it" if os.path.lexists(place) else "free"
        yield ok(subject, left)


def _is_socket(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return stat.S_ISSOCK(path.lstat().st_mode)
    return False
