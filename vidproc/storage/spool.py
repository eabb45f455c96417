"""The coordinator's folder: sources by their hash, and one folder a job.

    lock                     held while a coordinator runs here
    id                       what the folder calls itself in a database that several may share
    vidproc.db, .db.lock     what is written down of jobs, unless another database was given (`sql_journal.py`)
    sources/<sha256>         whole sources, kept for the next job on the same film; used last at its access time
    sources/<sha256>.part    an upload that broke off; the next one goes on behind its last byte
    incoming/                uploads on their way in by HTTP (`incoming.py`)
    jobs/<id>/source         a hard link, so that a job reads its source as it arrives, whatever its name by then, and
                             the source may leave the cache meanwhile
    jobs/<id>/packets-<k>    the source's video packets as records, for leases, as the k-th media process wrote them
    jobs/<id>/files/<sha256> what the job's filters name
    jobs/<id>/chunks/<n>     encoded chunks
    jobs/<id>/stage/<n>      what a sequential stage has handed on of each chunk
    jobs/<id>/result         the film
    scratch/                 films that somebody looks at, as packets; emptied at the start

All names are made here: nothing a client sends becomes part of a path, but for a checked SHA-256.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from vidproc.errors import ClientError, NotHereError, StorageError
from vidproc.model import is_sha256
from vidproc.quantities import sizes_in_words
from vidproc.storage.disk import disk_errors, note_use, sync
from vidproc.storage.job_folder import JobFolder

_AT_REST = ("", ".part")
"""Sources that no upload is writing to."""
_RESERVE = 64 * 2**20
"""Free bytes that are left to the rest of the system."""


_Identity = tuple[int, int, int]
"""A file's inode, size and time of its last change: whoever writes to it changes that."""


def _identity(path: Path) -> _Identity:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


class Spool:
    """The folder as a whole. One coordinator at a time may hold it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sources = root / "sources"
        self._jobs = root / "jobs"
        self.scratch = root / "scratch"
        self._trusted: dict[str, _Identity] = {}

    def open(self) -> None:
        """Lock the folder, which is made if there is none."""
        self._fresh = not self.root.exists()
        try:
            self._sources.mkdir(parents=True, exist_ok=True)
            self._jobs.mkdir(exist_ok=True)
            self.scratch.mkdir(exist_ok=True)
            self._lock = open(self.root / "lock", "w")  # noqa: SIM115 - held until close
        except OSError as error:
            raise ClientError(f"--data-dir {self.root}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise ClientError(f"--data-dir {self.root}: another coordinator is using this folder") from None
        for left in self.scratch.iterdir():
            shutil.rmtree(left, ignore_errors=True)

    @property
    def identity(self) -> str:
        """What the folder calls itself, since it was first asked."""
        path = self.root / "id"
        with disk_errors("cannot name the folder"):
            with contextlib.suppress(FileNotFoundError):
                return path.read_text(encoding="ascii").strip()
            made = secrets.token_hex(8)
            with open(path.with_suffix(".new"), "w", encoding="ascii") as file:
                file.write(made)
                file.flush()
                os.fsync(file.fileno())
            path.with_suffix(".new").rename(path)
            sync(self.root)
            return made

    def close(self) -> None:
        self._lock.close()

    def undo(self) -> None:
        """Close it after a start that came to nothing: a folder that `open` made holds nobody's work, and goes."""
        if self._fresh:
            shutil.rmtree(self.root, ignore_errors=True)
        self.close()

    def job(self, job_id: str) -> JobFolder:
        return JobFolder(self._jobs / job_id)

    def source(self, sha256: str) -> Path:
        if not is_sha256(sha256):
            raise ClientError("the SHA-256 of the source must be 64 lower-case hexadecimal digits")
        return self._sources / sha256

    def missing_room(self, size: int) -> int:
        """Bytes that lack for a source of that size, with its packets and result."""
        self._demand_folder()
        with disk_errors(f"the data folder {self.root}"):
            return max(0, _needed(size) - shutil.disk_usage(self.root).free)

    def _demand_folder(self) -> None:
        """Raises `StorageError` if somebody has removed what was locked, or put something else there."""
        try:
            if os.path.samestat(os.fstat(self._lock.fileno()), os.stat(self.root / "lock")):
                return
            why = "another one is in its place"
        except OSError as error:
            why = str(error.strerror)
        raise StorageError(f"the data folder {self.root} is gone: {why}. Put it back, or start the coordinator anew")

    def demand_room(self, size: int) -> None:
        """Refuse a job before it starts when its source, packets and result will not fit."""
        if missing := self.missing_room(size):
            need = _needed(size)
            needed, free = sizes_in_words(need, need - missing)
            raise StorageError(f"too little disk at the coordinator: about {needed} needed, {free} free")

    def make_room(self, size: int, spared: str) -> None:
        """Forget the sources used longest ago until so many bytes are free, but for what is held of `spared`, and those
        that jobs have, too: they would free nothing."""
        for path, held in self._removable(spared):
            with contextlib.suppress(OSError):
                if size > 0:
                    self._drop(path)
                    size -= held

    def room_to_make(self, spared: str) -> int:
        """Bytes that `make_room` could free."""
        return sum(held for _, held in self._removable(spared))

    def _removable(self, spared: str) -> Iterator[tuple[Path, int]]:
        for path in reversed(self._at_rest()):
            with contextlib.suppress(OSError):
                found = path.stat()
                if found.st_nlink == 1 and path.stem != spared:
                    yield path, found.st_size

    def take(self, sha256: str, size: int, folder: JobFolder) -> bool:
        """Give a job its link to a source, if it is held and of that size. From then on the cache may forget it."""
        with disk_errors("cannot link the source"):
            try:
                os.link(self.source(sha256), folder.source)
            except FileNotFoundError:
                return False
            if folder.source.stat().st_size != size:
                folder.source.unlink()
                return False
            note_use(folder.source)
            return True

    def holds(self, sha256: str, size: int) -> bool:
        """Whether a source is here, whole, as far as that can be told without reading it."""
        try:
            return self.source(sha256).stat().st_size == size
        except FileNotFoundError:
            return False

    def size_of(self, sha256: str) -> int | None:
        """Of a source that is here, in bytes."""
        try:
            return self.source(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def adopt(self, path: Path, sha256: str) -> None:
        """Keep a file, which has been synced, as a source. It stays where it is, too."""
        with disk_errors("cannot keep the source"):
            link = path.with_suffix(".link")
            link.unlink(missing_ok=True)
            os.link(path, link)
            note_use(link)
            link.rename(self.source(sha256))
            link.unlink(missing_ok=True)  # it stays where both names were the same file's
            sync(self._sources)

    def held(self, sha256: str) -> Path:
        """A source that is here, whole, for somebody to look at. Raises `NotHereError`."""
        path = self.source(sha256)
        try:
            note_use(path)
        except OSError:
            raise NotHereError("this film is no longer here: send it again") from None
        return path

    def trusts(self, sha256: str, folder: JobFolder) -> bool:
        """Whether a job's source was verified since the start, and nobody has written to it since then."""
        return self._trusted.get(sha256) == _identity(folder.source)

    def trust(self, sha256: str, path: Path) -> None:
        """This source has just been verified."""
        self._trusted[sha256] = _identity(path)

    def verify(self, sha256: str, folder: JobFolder) -> bool:
        """Hash a job's source, which takes a while. One with other bytes is forgotten, and the job's link removed."""
        with disk_errors("cannot read the source"):
            before = _identity(folder.source)
            with open(folder.source, "rb") as file:
                good = hashlib.file_digest(file, "sha256").hexdigest() == sha256
            if good:
                self._trusted[sha256] = before
            else:
                folder.source.unlink()
                self.forget(sha256)
        return good

    def forget(self, sha256: str) -> None:
        """Do not keep a source, nor what has come of it. A job that has its link goes on."""
        self._trusted.pop(sha256, None)
        for ending in _AT_REST:
            with contextlib.suppress(OSError):
                self.source(sha256).with_suffix(ending).unlink()

    def trim(self, limit: int) -> None:
        """Forget the sources used longest ago until at most `limit` bytes of them are kept."""
        total = 0
        for path in self._at_rest():
            with contextlib.suppress(FileNotFoundError):  # an upload may just have taken it over
                total += path.stat().st_size
                if total > limit:
                    self._drop(path)

    def _at_rest(self) -> list[Path]:
        """Sources that no upload is writing to, the one used last first."""
        used = {}
        for path in self._sources.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.suffix in _AT_REST:
                    used[path] = path.stat().st_atime
        return sorted(used, key=used.__getitem__, reverse=True)

    def _drop(self, path: Path) -> None:
        path.unlink()
        if not path.suffix:
            self._trusted.pop(path.name, None)

    def clear(self, unfinished: Collection[str], results: Collection[str]) -> None:
        """Clear away what a coordinator that was killed left, but for what is needed of jobs that are gone on with, and
        the results of others."""
        for folder in map(JobFolder, self._jobs.iterdir()):
            if folder.path.name in unfinished:
                folder.tidy()
            elif folder.path.name in results:
                folder.keep_result()
            else:
                folder.remove()
        for path in self._sources.iterdir():
            if path.suffix not in _AT_REST and path.suffix[1:] not in unfinished:
                path.rename(path.with_suffix(".part"))


def _needed(size: int) -> int:
    """Bytes for a source, its packets and its result, as far as that can be told before."""
    return 3 * size + _RESERVE
