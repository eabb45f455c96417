"""Files of jobs on their way in, at whoever asked for them with `file-wanted`."""

from __future__ import annotations

import hashlib
from collections.abc import Container


class IncomingFiles:
    """`expect` a file to learn whether it must be asked for; `add` its blocks as they come."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._parts: dict[str, bytearray] = {}

    @property
    def size(self) -> int:
        """Bytes that are held, or will be."""
        return sum(self._sizes.values())

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._sizes

    def expect(self, sha256: str, size: int) -> bool:
        """Whether this is news, so that somebody must ask for the file."""
        if sha256 in self._sizes:
            return False
        self._sizes[sha256], self._parts[sha256] = size, bytearray()
        return True

    def expect_only(self, wanted: Container[str]) -> None:
        """Let go of the others: nobody would ask for them again, and their senders may have had a reason to stop."""
        for sha256 in [each for each in self._sizes if each not in wanted]:
            del self._sizes[sha256], self._parts[sha256]

    def add(self, sha256: str, offset: int, piece: bytes | memoryview) -> bytes | None:
        """The file, once this piece makes it whole. What nobody expects, or is here already, is ignored.

        Raises `ValueError` if it is not what was expected, which then is expected no more.
        """
        part = self._parts.get(sha256)
        if part is None or offset != len(part):
            return None
        part += piece
        if len(part) < self._sizes[sha256]:
            return None
        del self._parts[sha256]
        if len(part) > self._sizes.pop(sha256) or hashlib.sha256(part).hexdigest() != sha256:
            raise ValueError("a file that came does not match its size and SHA-256")
        return bytes(part)
