"""Files that go with a job: a picture to lay over the film, a table of colours.

A job names a file by the SHA-256 of its bytes, so that its result is a function of them alone, and never of a name or a
path, which mean nothing on another host. What a filter gets is what its declaration makes of the bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Load = Callable[["FileType", str], Any]
"""`load(type, sha256)`: what filters of this type get for the file of this hash."""


@dataclass(frozen=True, slots=True)
class FileType:
    """What kind of file a parameter takes.

    endings: of the names that such files usually have, for people; what counts is what the file holds.
    media_types: as the internet calls them.
    read: what a filter is given, made of the file's bytes: a frozen value, hashable by identity. Raises `ValueError`
        whose words say what is wrong, and on which line where there are lines.
    most: bytes.
    memory: bytes that a slot takes at most for one, while it is read and made ready for the film's frames, and after.
    """

    endings: tuple[str, ...]
    media_types: tuple[str, ...]
    read: Callable[[bytes], Any]
    memory: int
    most: int = 16 * 2**20

    @property
    def noun(self) -> str:
        """In words that follow "must be"."""
        *others, last = self.endings
        endings = f"{', '.join(others)} or {last}" if others else last
        return f"a {endings} file of at most {self.most >> 20} MiB"
