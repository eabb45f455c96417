"""Opening what people send. The only place where an input file is opened, because how it is opened is what protects us.

FFmpeg guesses a file's kind from its content, whatever its name, and some kinds (HLS playlists, `ffconcat` scripts) are
lists of other files, which it then opens. Allowing the `file` protocol alone does not stop that. A list of allowed
containers does: a playlist's demuxer is never chosen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar, cast

import av
from av.container import InputContainer
from av.stream import Stream

from vidproc.errors import MediaError
from vidproc.media.growing import GrowingFile, require_file

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,gif,yuv4mpegpipe"
)
"""The demuxers that may be used, by FFmpeg's names."""

UNSAFE_DECODERS = frozenset({"vvc"})
"""What is not decoded, not even to see what a film is: in the FFmpeg of all wheels there are so far (before 8.1.3) this
one can be made to write where it must not (CVE-2026-125244)."""

_DECODERS = ",".join(sorted(av.codecs_available - UNSAFE_DECODERS))

_READ = "MP4, MOV, Matroska, WebM, AVI, MPEG, Ogg, FLV, GIF and y4m"

_SNIFFED = 4096
_TEXT_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}


_TOO_MUCH = "asks for more memory, or more streams, than a film may (memory_limit, max_streams)"
"""FFmpeg has a limit of its own on streams, a thousand, and says of both alike that it can't allocate memory."""

_HEADER_ALONE = {"analyzeduration": "1", "skip_frame": "all"}
"""Options by which FFmpeg opens a file without decoding any of it: 1 ms instead of 10 for a film of 720p."""


_Stream = TypeVar("_Stream", bound=Stream)

Place = str | os.PathLike[str] | GrowingFile
"""A file by its path, or one that may still be on its way."""


def open_source(source: Place, header_alone: bool = False) -> InputContainer:
    """Open a media file for reading. Raises `MediaError`, one line, where it is no video that we read.

    Opening already decodes a little: call it only where memory is capped. With `header_alone` it does not, and of the
    streams only is known what the container itself says.
    """
    if isinstance(source, GrowingFile):
        source.seek(0)
        return _opened(source, source.path, header_alone)
    place = Path(source)
    require_file(place, _size(place))
    return _opened(f"file:{place.absolute()}", place, header_alone)


def open_lightly(source: Place) -> InputContainer:
    """The same, by its header alone where that tells as much: an MP4 or MOV with the tables of all its packets.

    A fragmented one has none, and Matroska's header knows no start time.
    """
    listed = _beginning(source, 8)[4:] == b"ftyp"
    opened = open_source(source, header_alone=listed)
    if not listed or all(stream.frames for stream in opened.streams if stream.type in ("video", "audio")):
        return opened
    opened.close()
    return open_source(source)


def whole_file(path: str | os.PathLike[str]) -> GrowingFile:
    """A file that is all here, to be read like those that are not. Raises `MediaError` where it is none, or empty."""
    size = _size(Path(path))
    return GrowingFile(path, size, size, _nothing_comes)


def _nothing_comes(position: int) -> None:
    raise EOFError(f"byte {position} of a file that should be all here")


def _size(place: Path) -> int:
    return place.stat().st_size if place.is_file() else 0


def _beginning(source: Place, size: int) -> bytes:
    if isinstance(source, GrowingFile):
        return source.beginning(size)
    with whole_file(source) as file:
        return file.beginning(size)


def _opened(file: str | GrowingFile, place: Path, header_alone: bool) -> InputContainer:
    limits = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "codec_whitelist": _DECODERS}
    options = _HEADER_ALONE if header_alone else {}
    try:
        return av.open(file, "r", container_options=limits, options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        fault = _TOO_MUCH if isinstance(error, MemoryError) else _what_it_is(place)
        raise MediaError(f"{place.name} {fault} ({last_words(error)})") from error


def demuxed(source: InputContainer, *streams: _Stream) -> Iterator[av.Packet[_Stream]]:
    """The packets of these streams, to the end.

    A transport stream may grow more streams on the way. PyAV's `demux` fails at the first packet of one that it has not
    met before, and leaves it out when it is called again.
    """
    while True:
        try:
            yield from cast("Iterator[av.Packet[_Stream]]", source.demux(*streams))
            return
        except IndexError:
            continue


def last_words(error: av.FFmpegError) -> str:
    """What FFmpeg said of an error, in one line."""
    logged = error.log[1] if error.log else None
    said = f"{error.strerror}: {logged[2].strip()}" if logged else str(error.strerror)
    return " ".join(said.split())


def _what_it_is(place: Path) -> str:
    with place.open("rb") as file:
        head = file.read(_SNIFFED)
    if head.lstrip().startswith((b"#EXTM3U", b"ffconcat", b"<?xml", b"[playlist]")):
        return "is a playlist, not a video: send the films that it names"
    if not _TEXT_CONTROLS.intersection(head):
        return "is a text file, not a video"
    return f"is not a video that can be read: {_READ} can, if they are whole"
