"""Is the whole file there? Most containers announce sizes, so a film that was cut short can be told by its frame.

Looks at the outermost boxes only: MP4's and MOV's boxes (ISO/IEC 14496-12, 4.2), Matroska's EBML header and segment
(RFC 8794 and 9559), AVI's RIFF chunk. MPEG-TS, Ogg and the like announce nothing.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from vidproc.media.growing import GrowingFile

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def missing_bytes(growing: GrowingFile) -> int:
    """How many bytes fewer the file has than its container announces; 0 if it is whole, or that can't be told.

    It is read from here on, and not closed.
    """
    file = io.BufferedReader(growing)
    try:
        return max(0, _announced(file, growing.size) - growing.size)
    finally:
        file.detach()


def _announced(file: BinaryIO, size: int) -> int:
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    if head.startswith(_EBML):
        return _end_of_segment(file)
    if head.startswith(b"RIFF"):
        return 8 + int.from_bytes(head[4:8], "little")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _end_of_boxes(file, size)
    return 0


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return at + 8
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:  # 0: up to the end of the file
            return size
        at += length
    return at


def _end_of_segment(file: BinaryIO) -> int:
    file.seek(4)
    file.seek(_vint(file) or 0, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return 0
    length = _vint(file)
    return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
    """A variable-size integer; none where its value is the reserved one that means "not known"."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()
    value = int.from_bytes(first + file.read(extra), "big") & (1 << 7 * (extra + 1)) - 1
    return None if value == (1 << 7 * (extra + 1)) - 1 else value
