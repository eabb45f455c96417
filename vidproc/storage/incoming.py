"""Uploads on their way in by HTTP, which break off and go on as their clients like.

    incoming/<id>        what has come of one
    incoming/<id>.json   what is known of it: its name and size, how many of its bytes count, when it is forgotten

Bytes count when they were synced and the second file says so; what lies behind them when a coordinator is killed is cut
off. When all have come their SHA-256 is known, and the file is a source of the spool as well. From then on it is only
kept here so that the spool's cache can't forget it before somebody had use of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from io import FileIO
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vidproc.errors import StorageError
from vidproc.storage.disk import disk_errors, sync, write_all

_NOTE = ".json"
_NEW = ".new"
_DOING = "cannot store the upload"


class Incoming(msgspec.Struct, frozen=True):
    """What is known of an upload. `size` is None where that is known at its end; `offset` bytes of it count. `sha256`
    is empty until it is whole. It is forgotten at `expires_at` (seconds since 1970)."""

    id: str
    name: str
    size: int | None
    offset: int
    expires_at: float
    sha256: str = ""


class IncomingFile:
    """One upload. `begin`, any number of `write` and `commit`, `end`: what was not committed by then does not count.
    All of it takes its time, and is for one thread at a time."""

    def __init__(self, path: Path, known: Incoming, digest: hashlib._Hash | None) -> None:
        self.path = path
        self.known = known
        self._digest = digest  # of the bytes that count, or None: they came to an earlier coordinator
        self._ahead: hashlib._Hash | None = None
        self._at = 0
        self._file: FileIO | None = None

    @property
    def begun(self) -> bool:
        return self._file is not None

    @property
    def uncommitted(self) -> int:
        """Bytes that were written since the last commit."""
        return self._at - self.known.offset

    def begin(self) -> None:
        with disk_errors(_DOING):
            self._file = open(self.path, "r+b", buffering=0)  # noqa: SIM115 - owned until the end
            self._file.truncate(self.known.offset)
            self._at = self._file.seek(self.known.offset)
        self._ahead = self._digest.copy() if self._digest else None

    def write(self, data: bytes) -> None:
        assert self._file is not None
        with disk_errors(_DOING):
            write_all(self._file, data)
        self._at += len(data)
        if self._ahead:
            self._ahead.update(data)

    def commit(self, expires_at: float) -> None:
        """All that was written counts, and is durable."""
        assert self._file is not None
        with disk_errors(_DOING):
            os.fsync(self._file.fileno())
            self.note(replace(self.known, offset=self._at, expires_at=expires_at))
        self._digest = self._ahead.copy() if self._ahead else None

    def end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def note(self, known: Incoming) -> None:
        """This is so from now on, also for the next coordinator."""
        with disk_errors(_DOING):
            fresh = self.path.with_suffix(_NEW)
            with open(fresh, "wb") as file:
                file.write(msgspec.json.encode(known))
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(self.path.with_suffix(_NOTE))
            sync(self.path.parent)
        self.known = known

    def sha256(self) -> str:
        """Of all that counts."""
        if self._digest is None:
            with disk_errors("cannot read the upload"), open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return self._digest.hexdigest()

    def release(self) -> None:
        """The spool may forget what it has of it; what is known of it stays."""
        self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """What cannot be removed goes when the next coordinator starts."""
        for path in (self.path, *map(self.path.with_suffix, (_NOTE, _NEW))):
            with contextlib.suppress(OSError):
                path.unlink()


class IncomingFolder:
    """All of them. Names are made here."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> list[IncomingFile]:
        """Those that an earlier coordinator had. What it was in the middle of making is removed."""
        with disk_errors("cannot read the uploads"):
            self._path.mkdir(exist_ok=True)
            sound = {each.path.name: each for each in map(_read, self._path.glob(f"*{_NOTE}")) if each is not None}
            for path in self._path.iterdir():
                if path.name.removesuffix(_NOTE) not in sound:
                    path.unlink()
        return list(sound.values())

    def create(self, name: str, size: int | None, expires_at: float) -> IncomingFile:
        """An upload of which nothing has come."""
        known = Incoming(secrets.token_hex(16), name, size, 0, expires_at)
        made = IncomingFile(self._path / known.id, known, hashlib.sha256())
        try:
            with disk_errors(_DOING):
                made.path.touch()
                made.note(known)
        except StorageError:
            made.remove()
            raise
        return made


def _read(note: Path) -> IncomingFile | None:
    """None for one that nobody can go on with."""
    path = note.with_suffix("")
    try:
        known = msgspec.json.decode(note.read_bytes(), type=Incoming)
        here = path.stat().st_size if path.exists() else 0
    except (OSError, msgspec.DecodeError):
        return None
    good = known.id == path.name and known.size is not None and (known.sha256 or here >= known.offset)
    return IncomingFile(path, known, None) if good else None
