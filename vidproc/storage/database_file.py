"""SQLite's file, from outside: nobody else may have it, and it must stay where it is.

SQLite goes on writing into a file that was removed, and would say of a job that it is written down.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from vidproc import scratch
from vidproc.errors import ClientError, StorageError


class DatabaseFile:
    """`take` it before it is opened, `note` it then, and `demand` it at each commit, until `let_go`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = contextlib.ExitStack()
        self._found: os.stat_result | None = None

    def take(self) -> None:
        """By a lock beside it, where symlinks lead, as SQLite has its own on the file itself. Raises `ClientError` if
        another has it. Where the file system knows no locks, or there is no folder, that is left to SQLite."""
        lock = Path(f"{os.path.realpath(self._path)}.lock")
        try:
            lock.touch()
            self._held.enter_context(scratch.held(lock))
        except BlockingIOError:
            raise ClientError(
                f"{self._path}: another coordinator is using this database: give another --database-url, or a "
                "PostgreSQL's, which several may share"
            ) from None
        except OSError:
            pass

    def note(self) -> None:
        self._found = self._path.stat()

    def demand(self) -> None:
        """Raises `StorageError` if it is not there any more."""
        try:
            there = self._found is None or os.path.samestat(self._found, self._path.stat())
        except OSError as error:
            raise StorageError(f"the database {self._path} is gone: {error.strerror}") from error
        if not there:
            raise StorageError(f"the database {self._path} was replaced by another one: start the coordinator anew")

    def let_go(self) -> None:
        self._held.close()
