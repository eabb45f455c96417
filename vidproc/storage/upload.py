"""A source on its way into the spool."""

from __future__ import annotations

import contextlib
import hashlib
import os

from vidproc.errors import ClientError, UnknownJobError
from vidproc.storage.disk import disk_errors, note_use, sync, write_all
from vidproc.storage.job_folder import JobFolder
from vidproc.storage.spool import Spool

_BLOCK = 2**20


class Upload:
    """It is kept under a name of its own, so that two clients may send the same film."""

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
            note_use(self._path)
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
