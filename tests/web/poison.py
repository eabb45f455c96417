"""A filter that can't do one frame of a film, whichever comes first. The others are not changed."""

from __future__ import annotations

from pathlib import Path

_FILTER = """
import os
import zlib


def poison(frame):
    mine = str(zlib.crc32(frame))
    if not os.path.exists({mark!r}):
        with open({mark!r}, "w") as file:
            file.write(mine)
    if open({mark!r}).read() == mine:
        raise ValueError("not this one")
    return frame
"""


def poison(folder: Path) -> Path:
    """For a worker with one slot."""
    path = folder / "poison.py"
    path.write_text(_FILTER.format(mark=str(folder / "poisoned")))
    return path
