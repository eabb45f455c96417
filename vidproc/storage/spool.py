"""The coordinator's folder: sources by their hash, and one folder a job.

    lock                     held while a coordinator runs here
    id                       what the folder calls itself in a database that several may share
    vidproc.db               what is written down of jobs, unless another database was given (`sql_journal.py`)
    sources/<sha256>         whole sources, kept for the next job on the same film; used last at its access time
    sources/<sha256>.part    an upload that broke off; the next one goes on behind its last byte
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
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from vidproc.errors import ClientError, NotHereError, StorageError, UnknownJobError
from vidproc.model import is_sha256

_BLOCK = 2**20
_AT_REST = ("", ".part")
"""Sources that no upload is writing to."""
_RESERVE = 64 * 2**20
"""Free bytes that are left to the rest of the system."""


@contextlib.contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Translate the operating system's refusals into one line that says what was being done."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(f"{doing}: {'the disk is full' if full else error.strerror or error}") from error


class JobFolder:
    """The files of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = path / "source"
        self.result = path / "result"

    def chunk(self, index: int) -> Path:
        return self.path / "chunks" / str(index)

    def stage(self, index: int) -> Path:
        return self.path / "stage" / str(index)

    def file(self, sha256: str) -> Path:
        return self.path / "files" / sha256

    def create(self) -> None:
        with disk_errors("cannot make a job's folder"):
            (self.path / "chunks").mkdir(parents=True)

    def create_stage(self) -> None:
        """Room for what a sequential stage hands on, if the job has one."""
        with disk_errors("cannot make a job's folder"):
            (self.path / "stage").mkdir(exist_ok=True)

    def keep_files(self, files: Mapping[str, bytes]) -> None:
        """What the job's filters name, by SHA-256."""
        with disk_errors("cannot store a filter's file"):
            for sha256, data in files.items():
                self.file(sha256).parent.mkdir(exist_ok=True)
                self.file(sha256).write_bytes(data)

    def kept_files(self, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """The same again, of these hashes. Raises `OSError`."""
        return {sha256: self.file(sha256).read_bytes() for sha256 in sizes}

    def sync(self) -> None:
        """Make durable that the folder is there, with its link to the source and the filters' files."""
        with disk_errors("cannot make a job's folder"):
            files = self.path / "files"
            for path in files.iterdir() if files.exists() else ():
                sync(path)
            for folder in (files, self.path, self.path.parent):
                if folder.exists():
                    sync(folder)

    def sync_result(self) -> None:
        with disk_errors("cannot store the result"):
            sync(self.result)
            sync(self.path)

    def holds_chunk(self, index: int, size: int, sha256: str) -> bool:
        """Whether a chunk's file is the one that was kept, byte for byte."""
        try:
            with open(self.chunk(index), "rb") as file:
                whole = os.fstat(file.fileno()).st_size == size
                return whole and hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    def tidy(self) -> None:
        """Remove what a coordinator that was killed was in the middle of, and what is made anew. What cannot be removed
        is left."""
        for path in (*self.path.glob("packets-*"), self.result, *self.path.glob("chunks/*.*")):
            with contextlib.suppress(OSError):
                path.unlink()
        shutil.rmtree(self.path / "stage", ignore_errors=True)

    def keep_result(self) -> None:
        """What the result was made of is not needed any more, but for the filters' files: the source is kept elsewhere,
        and so the job can be done again. What cannot be removed is left, as by `remove`."""
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if path.name == "files":
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path != self.result:
                    path.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


_Identity = tuple[int, int, int]
"""A file's inode, size and time of its last change: whoever writes to it changes that."""


def _identity(path: Path) -> _Identity:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _note_use(path: Path) -> None:
    """By the access time, so that the time of the last change still tells of changes."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


class Upload:
    """A source on its way in. It is kept under a name of its own, so that two clients may send the same film."""

    def __init__(self, spool: Spool, sha256: str, size: int, job_id: str, folder: JobFolder) -> None:
        self.size = size
        self._folder = folder
        self._sha256 = sha256
        self._spool = spool
        self._target = spool.source(sha256)
        self._broken_off = self._target.with_suffix(".part")
        self._path = self._target.with_suffix(f".{job_id}")
        self._hash = hashlib.sha256()
        self._inherited = 0
        self._given_up = False
        self.offset = 0

    def open(self) -> None:
        """Take over what the job has of its source, or what an earlier upload of the same one left; hash that again,
        and give the job its link."""
        with disk_errors("cannot store the upload"):
            self._take_over()
            self._file = open(self._path, "a+b", buffering=0)  # noqa: SIM115 - owned until finish or abandon
            try:
                if not self._folder.source.exists():
                    os.link(self._path, self._folder.source)
                self._hash_again()
            except OSError:
                self.abandon()
                raise

    def _take_over(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._folder.source.exists():
                self._path.unlink(missing_ok=True)
                os.link(self._folder.source, self._path)
            else:
                self._broken_off.rename(self._path)

    def _hash_again(self) -> None:
        self._file.seek(0)
        while not self._given_up and (block := self._file.read(_BLOCK)):
            self._hash.update(block)
            self.offset += len(block)
        if self.offset > self.size:  # whatever this is, it is not the film
            self._file.truncate(0)
            self._hash, self.offset = hashlib.sha256(), 0
        self._inherited = self.offset

    def write(self, data: bytes | memoryview) -> None:
        with disk_errors("cannot store the upload"):
            write_all(self._file, data)
        self._hash.update(data)
        self.offset += len(data)

    def finish(self) -> None:
        """Verify and keep. Raises `ClientError` when the bytes are not those announced; `UnknownJobError`, so that the
        client begins anew, where some of them lay here from before and may be to blame."""
        with disk_errors("cannot store the upload"), self._file:
            if self._hash.hexdigest() != self._sha256:
                self._path.unlink(missing_ok=True)
                raise self._mismatch()
            os.fsync(self._file.fileno())
            _note_use(self._path)
            self._spool.trust(self._sha256, self._path)
            self._path.rename(self._target)
            self._path.unlink(missing_ok=True)  # it stays where both names were the same file's
            sync(self._target.parent)

    def _mismatch(self) -> ClientError:
        if not self._inherited:
            return ClientError(
                "the uploaded bytes do not match their SHA-256: was the file changed meanwhile? Send it again"
            )
        self._spool.forget(self._sha256)
        return UnknownJobError("what the coordinator held of the film was damaged there: send it again")

    def give_up(self) -> None:
        """Whoever is opening it in another thread is to be done soon; after that there is only `pause`."""
        self._given_up = True

    def pause(self) -> None:
        """Leave what has come to the job, which goes on with another coordinator."""
        self._file.close()

    def abandon(self) -> None:
        """Leave what has come for the next upload of the same source."""
        self._file.close()
        with contextlib.suppress(OSError):
            self._path.rename(self._broken_off)


class Spool:
    """The folder as a whole. One coordinator at a time may hold it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sources = root / "sources"
        self._jobs = root / "jobs"
        self.scratch = root / "scratch"
        self._trusted: dict[str, _Identity] = {}

    def open(self) -> None:
        """Lock the folder."""
        try:
            self._sources.mkdir(parents=True, exist_ok=True)
            self._jobs.mkdir(exist_ok=True)
            self._lock = open(self.root / "lock", "w")  # noqa: SIM115 - held until close
        except OSError as error:
            raise ClientError(f"--data-dir {self.root}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise ClientError(f"--data-dir {self.root}: another coordinator is using this folder") from None
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(exist_ok=True)

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

    def job(self, job_id: str) -> JobFolder:
        return JobFolder(self._jobs / job_id)

    def source(self, sha256: str) -> Path:
        if not is_sha256(sha256):
            raise ClientError("the SHA-256 of the source must be 64 lower-case hexadecimal digits")
        return self._sources / sha256

    def missing_room(self, size: int) -> int:
        """Bytes that lack for a source of that size, with its packets and result."""
        return max(0, _needed(size) - shutil.disk_usage(self.root).free)

    def demand_room(self, size: int) -> None:
        """Refuse a job before it starts when its source, packets and result will not fit."""
        if missing := self.missing_room(size):
            need = _needed(size)
            raise StorageError(
                f"too little disk at the coordinator: about {need >> 20} MiB needed, {(need - missing) >> 20} MiB free"
            )

    def make_room(self, size: int, spared: str) -> None:
        """Forget the sources used longest ago until so many bytes are free, but for what is held of `spared`, and those
        that jobs have, too: they would free nothing."""
        for path in reversed(self._at_rest()):
            with contextlib.suppress(OSError):
                found = path.stat()
                if size > 0 and found.st_nlink == 1 and path.stem != spared:
                    self._drop(path)
                    size -= found.st_size

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
            _note_use(folder.source)
            return True

    def holds(self, sha256: str, size: int) -> bool:
        """Whether a source is here, whole, as far as that can be told without reading it."""
        try:
            return self.source(sha256).stat().st_size == size
        except FileNotFoundError:
            return False

    def held(self, sha256: str) -> Path:
        """A source that is here, whole, for somebody to look at. Raises `NotHereError`."""
        path = self.source(sha256)
        try:
            _note_use(path)
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
