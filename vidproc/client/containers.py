"""Which container an output's name asks for."""

from __future__ import annotations

from pathlib import Path

from vidproc.client.films import STANDARD
from vidproc.errors import ClientError

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mkv": "mkv", ".webm": "webm", ".mov": "mov"}


def container_of(out: str) -> str:
    """The container for an output of this name, MP4 for standard output. Raises `ClientError`."""
    if out == STANDARD:
        return "mp4"
    suffix = Path(out).suffix.lower()
    if suffix not in CONTAINERS:
        raise ClientError(f"output {out}: the name says the container, so it must end in {', '.join(CONTAINERS)}")
    return CONTAINERS[suffix]
