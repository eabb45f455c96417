"""FFmpeg as a whole: its version, its voice, and its way to say that memory is short."""

from __future__ import annotations

import av

VERSION: str = av.ffmpeg_version_info
OUT_OF_MEMORY = (MemoryError, av.error.MemoryError)


def silence() -> None:
    """Keep FFmpeg from writing to standard error; what matters comes as exceptions.

    Its log callback needs Python's lock and has deadlocked with its own threads (https://github.com/PyAV-Org/PyAV/issues/751).
    """
    av.logging.set_level(None)
