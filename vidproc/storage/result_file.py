"""A chunk's result on its way in."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vidproc.storage.disk import disk_errors, write_all


class ResultFile:
    """A chunk's result as it arrives: written, counted and hashed, then kept under its own name."""

    def __init__(self, target: Path, lease: int, size: int, sha256: str) -> None:
        self.size = size
        self.sha256 = sha256
        self._target = target
        self._path = target.with_name(f"{target.name}.{lease}")
        self._missing = size
        self._hash = hashlib.sha256()
        with disk_errors("cannot store a chunk"):
            self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115 - owned until keep or discard

    def write(self, data: bytes | memoryview) -> bool:
        """Take a block; true when the result is whole and matches its hash. Raises `ValueError` if it does not."""
        with disk_errors("cannot store a chunk"):
            write_all(self._file, data)
        self._hash.update(data)
        self._missing -= len(data)
        if self._missing < 0 or (self._missing == 0 and self._hash.hexdigest() != self.sha256):
            raise ValueError("a chunk's result does not match its size and SHA-256")
        return self._missing == 0

    def keep(self) -> None:
        """A result can be made again, so it needs no fsync of its own."""
        self._file.close()
        with disk_errors("cannot store a chunk"):
            self._path.rename(self._target)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
