"""A source that may still be on its way here, as a file that can be read from the first byte on.

Its size is known, and so it can be read and searched like any other file. Only, where its bytes are not there yet,
whoever reads waits. So nothing that is read from it can depend on when its bytes came, whatever the container: a film
that can be read from front to back is read while it arrives, and one whose index lies at its end waits for that.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from vidproc.errors import MediaError

Wait = Callable[[int], None]


def require_file(path: Path, size: int) -> None:
    """Raises `MediaError` where there is none, or nothing will be in it."""
    if not path.is_file():
        raise MediaError(f"{path.name} is not a file")
    if size == 0:
        raise MediaError(f"{path.name} is an empty file")


class GrowingFile(io.RawIOBase):
    """Raw, seekable and read-only. `size` is that of the whole, `held` how many bytes from the beginning are there.
    `wait` is called with a position whose byte is not there, until it is: whoever fetches it says so by `grow`, or
    brings it by `add`.

    Raises `MediaError` where it is no file.
    """

    def __init__(self, path: str | os.PathLike[str], size: int, held: int, wait: Wait) -> None:
        self.path = Path(path)
        self.name = f"file:{self.path.absolute()}"
        self.size, self.held = size, held
        self._wait = wait
        self._at = 0
        self._pieces: list[tuple[int, bytes]] = []
        require_file(self.path, size)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def grow(self, held: int) -> None:
        self.held = held
        self._pieces = [(start, data) for start, data in self._pieces if start + len(data) > held]

    def add(self, start: int, data: bytes) -> None:
        """Bytes that came before their turn."""
        self._pieces.append((start, data))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def beginning(self, size: int) -> bytes:
        """So many bytes from the first on, unless there are fewer."""
        self.seek(0)
        reader = io.BufferedReader(self, size)
        try:
            return reader.read(size)
        finally:
            reader.detach()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some bytes, as soon as there are any; none at the end alone."""
        while not (read := self._read_here(memoryview(buffer))) and self.held <= self._at < self.size:
            self._wait(self._at)
        self._at += read
        return read

    def _read_here(self, buffer: memoryview) -> int:
        if self._at < self.held:
            return os.preadv(self._descriptor, [buffer[: self.held - self._at]], self._at)
        for start, data in self._pieces:
            if start <= self._at < start + len(data):
                found = data[self._at - start :][: len(buffer)]
                buffer[: len(found)] = found
                return len(found)
        return 0
