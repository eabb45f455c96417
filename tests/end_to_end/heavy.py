"""Films whose upload takes a while."""

from __future__ import annotations

import os
from pathlib import Path

import av

from tests.media.clips import B_FRAMES, Film, write


def heavy(path: Path, size: int = 3 * 2**20) -> Path:
    """A small film that is a large file: it has an attachment, which comes back with the result. No two are alike."""

    def attach(out: av.container.OutputContainer, _: object) -> list[av.Packet]:
        out.add_attachment("noise.bin", "application/octet-stream", os.urandom(size))
        return []

    write(path, Film(options=B_FRAMES, extra=attach))
    return path
