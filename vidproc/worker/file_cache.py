"""Files of jobs in memory, by SHA-256: in a daemon, and in each of its slots."""

from __future__ import annotations

from collections.abc import Iterable

from vidproc.model import MOST_FILE_BYTES


class FileCache:
    """Keeps those used last. One job's files always fit."""

    def __init__(self, most: int = MOST_FILE_BYTES) -> None:
        self._most = most
        self._files: dict[str, bytes] = {}

    def __getitem__(self, sha256: str) -> bytes:
        return self._files[sha256]

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """Which of these are not here. Those that are have been used now."""
        lacking = []
        for sha256 in wanted:
            if sha256 in self._files:
                self._files[sha256] = self._files.pop(sha256)
            else:
                lacking.append(sha256)
        return lacking

    def add(self, sha256: str, data: bytes) -> None:
        self._files[sha256] = data
        while sum(map(len, self._files.values())) > self._most:
            del self._files[next(iter(self._files))]
