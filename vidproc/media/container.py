"""Opening what people send. The only place where an input file is opened, because how it is opened is what protects us.

FFmpeg guesses a file's kind from its content, whatever its name, and some kinds (HLS playlists, `ffconcat` scripts) are
lists of other files, which it then opens. Allowing the `file` protocol alone does not stop that. A list of allowed
containers does: a playlist's demuxer is never chosen.
"""

from __future__ import annotations

import os
from pathlib import Path

import av
from av.container import InputContainer

from vidproc.errors import MediaError

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,gif,yuv4mpegpipe"
)
"""The demuxers that may be used, by FFmpeg's names."""

_SNIFFED = 4096
_TEXT_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}


_HEADER_ALONE = {"analyzeduration": "1", "skip_frame": "all"}
"""Options by which FFmpeg opens a file without decoding any of it: 1 ms instead of 10 for a film of 720p."""


def open_source(path: str | os.PathLike[str], header_alone: bool = False) -> InputContainer:
    """Open a media file for reading. Raises `MediaError`, one line, where it is no video that we read.

    Opening already decodes a little: call it only where memory is capped. With `header_alone` it does not, and of the
    streams only is known what the container itself says.
    """
    place = Path(path)
    _require_content(place)
    limits = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    try:
        return av.open(
            f"file:{place.absolute()}",
            "r",
            container_options=limits,
            options=_HEADER_ALONE if header_alone else {},
            metadata_errors="replace",
        )
    except av.FFmpegError as error:
        raise MediaError(f"{place.name} {_what_it_is(place)} ({last_words(error)})") from error


def open_lightly(path: str | os.PathLike[str]) -> InputContainer:
    """The same, by its header alone where that tells as much: an MP4 or MOV with the tables of all its packets.

    A fragmented one has none, and Matroska's header knows no start time.
    """
    _require_content(Path(path))
    with open(path, "rb") as file:
        listed = file.read(8)[4:] == b"ftyp"
    source = open_source(path, header_alone=listed)
    if not listed or all(stream.frames for stream in source.streams if stream.type in ("video", "audio")):
        return source
    source.close()
    return open_source(path)


def last_words(error: av.FFmpegError) -> str:
    """What FFmpeg said of an error, in one line."""
    logged = error.log[1] if error.log else None
    said = f"{error.strerror}: {logged[2].strip()}" if logged else str(error.strerror)
    return " ".join(said.split())


def _require_content(place: Path) -> None:
    if not place.is_file():
        raise MediaError(f"{place.name} is not a file")
    if place.stat().st_size == 0:
        raise MediaError(f"{place.name} is an empty file")


def _what_it_is(place: Path) -> str:
    with place.open("rb") as file:
        head = file.read(_SNIFFED)
    if head.lstrip().startswith((b"#EXTM3U", b"ffconcat", b"<?xml", b"[playlist]")):
        return "is a playlist, not a video: send the films that it names"
    if not _TEXT_CONTROLS.intersection(head):
        return "is a text file, not a video"
    return "is not a video that can be read"
