"""Pictures in files: PNG with its transparency, and JPEG.

They may be hostile, so a picture's size is read from its header before anything is decoded, and OpenCV is shown no
other format of the many that it knows.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from vidproc.filters.contract import Array
from vidproc.filters.file_type import FileType

_DAMAGED = "the picture can't be decoded: it is damaged or cut off"
_MOST_PIXELS = 4096 * 2304
_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""The chunks of a PNG that say what its pixels are. Of others libpng complains on standard error."""

_JPEG = b"\xff\xd8"
# ITU-T T.81, table B.1: markers that begin a frame, and those that no length follows.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD8)}


@dataclass(frozen=True, slots=True, eq=False)
class StillPicture:
    """`bgr`: height x width x 3, `alpha`: height x width; both uint8, or uint16 for a PNG of 16 bits."""

    bgr: Array
    alpha: Array

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.alpha.shape[1], self.alpha.shape[0]


def read(data: bytes) -> StillPicture:
    """The picture in a file, turned as a JPEG's Exif data say. Raises `ValueError`."""
    width, height = _size(data)
    if not 0 < width * height <= _MOST_PIXELS:
        raise ValueError(f"the picture has {width}x{height} pixels; at most 4096x2304, or as many, are taken")
    flags = cv2.IMREAD_COLOR if data.startswith(_JPEG) else cv2.IMREAD_UNCHANGED
    try:
        decoded = cv2.imdecode(np.frombuffer(data if data.startswith(_JPEG) else _bare(data), np.uint8), flags)
    except cv2.error as error:
        raise ValueError(f"the picture can't be decoded: {error.err}") from None
    if decoded is None:
        raise ValueError(_DAMAGED)
    return _split(decoded)


PICTURE = FileType((".png", ".jpg", ".jpeg"), ("image/png", "image/jpeg"), read, memory=48 * _MOST_PIXELS)


def _split(decoded: Array) -> StillPicture:
    if decoded.ndim == 2:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_GRAY2BGR)
    if decoded.shape[2] == 4:
        return StillPicture(np.ascontiguousarray(decoded[..., :3]), np.ascontiguousarray(decoded[..., 3]))
    return StillPicture(decoded, np.full(decoded.shape[:2], np.iinfo(decoded.dtype).max, decoded.dtype))


def _bare(data: bytes) -> bytes:
    """A PNG without what is beside its pixels: chunks of length, type, data and CRC-32 (ISO/IEC 15948, 5.3)."""
    kept, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        if kind in _PIXELS:
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
                break
            kept.append(chunk)
        if kind == b"IEND":
            return b"".join(kept)
        at += len(chunk)
    raise ValueError(_DAMAGED)


def _size(data: bytes) -> tuple[int, int]:
    """(width, height) by the header."""
    if data.startswith(_JPEG):
        return _jpeg_size(data)
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    raise ValueError("this is neither a PNG nor a JPEG picture")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """From the first frame header: from marker to marker, each with the length of what it begins."""
    at = len(_JPEG)
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ValueError("this JPEG picture has no frame: it is damaged or cut off")
