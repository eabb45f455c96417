"""Submissions whose files are still on their way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vidproc.errors import ClientError
from vidproc.model import MOST_FILE_BYTES
from vidproc.protocol.incoming import IncomingFiles
from vidproc.protocol.messages import FileBlock, Submit

_MOST_WAITING = 16


class Submissions:
    """Of one connection. `take` one, ask for the files that it gives, `add` their blocks, and go on with what is
    `ready`. A file stays as long as a submission that waits names it."""

    def __init__(self) -> None:
        self._incoming = IncomingFiles()
        self._files: dict[str, bytes] = {}
        self._waiting: list[Submit] = []

    def __len__(self) -> int:
        """How many lack a file."""
        return len(self._waiting)

    def take(self, submission: Submit) -> list[str]:
        """The hashes of the files to ask for. Raises `ClientError` if there is no room for it or them."""
        if len(self._waiting) >= _MOST_WAITING:
            raise ClientError(f"one connection may have {_MOST_WAITING} jobs whose files are on their way")
        sizes = submission.job.files
        new = [sha256 for sha256 in sizes if sha256 not in self._files and sha256 not in self._incoming]
        if self._held + sum(sizes[sha256] for sha256 in new) > MOST_FILE_BYTES:
            raise ClientError(f"one connection may have {MOST_FILE_BYTES >> 20} MiB of jobs' files on their way")
        self._waiting.append(submission)
        return [sha256 for sha256 in new if self._incoming.expect(sha256, sizes[sha256])]

    @property
    def _held(self) -> int:
        """Bytes that are here, or will be."""
        return self._incoming.size + sum(map(len, self._files.values()))

    def add(self, block: FileBlock, piece: bytes | memoryview) -> None:
        """Raises `ValueError` for a file that is not the one that was announced."""
        if (whole := self._incoming.add(block.sha256, block.offset, piece)) is not None:
            self._files[block.sha256] = whole

    def ready(self) -> Iterator[tuple[Submit, Mapping[str, bytes]]]:
        """Submissions that lack nothing any more, with their files. They are forgotten here."""
        for submission in [each for each in self._waiting if each.job.files.keys() <= self._files.keys()]:
            self._waiting.remove(submission)
            yield submission, {sha256: self._files[sha256] for sha256 in submission.job.files}
        needed = {sha256 for each in self._waiting for sha256 in each.job.files}
        for sha256 in self._files.keys() - needed:
            del self._files[sha256]
