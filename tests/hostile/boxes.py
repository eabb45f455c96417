"""Taking containers apart and putting them together wrong: MP4's boxes and Matroska's elements."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf"})


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def full_box(kind: bytes, *parts: bytes) -> bytes:
    """One of version 0 and no flags."""
    return box(kind, bytes(4), *parts)


def numbers(*values: int) -> bytes:
    """Of 32 bits each, as many as they come; more than that is cut off."""
    return b"".join(struct.pack(">I", value & 0xFFFFFFFF) for value in values)


def edited(film: bytes, kind: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """The MP4 with each box of that kind replaced by what `edit` makes of it, header and all; sizes around it fit, and
    the samples lie where they did, since the movie's box must be the last."""
    made = b"".join(_edited(film, kind, edit))
    assert made != film, f"there is no {kind!r}"
    return made


def _edited(data: bytes, kind: bytes, edit: Callable[[bytes], bytes]) -> Iterator[bytes]:
    for whole in boxes(data):
        name = whole[4:8]
        if name == kind:
            yield edit(whole)
        elif name in _PARENTS:
            yield box(name, *_edited(whole[8:], kind, edit))
        else:
            yield whole


def boxes(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        assert size >= 8, "a box of no size"
        yield data[at : at + size]
        at += size


def at(place: int, new: bytes) -> Callable[[bytes], bytes]:
    """An edit that writes these bytes behind so many of the box's, of which its header has eight."""
    return lambda whole: whole[:place] + new + whole[place + len(new) :]


def instead(*parts: bytes) -> Callable[[bytes], bytes]:
    """An edit that keeps of a full box only its kind."""
    return lambda whole: full_box(whole[4:8], *parts)


def element(name: bytes, *parts: bytes) -> bytes:
    """Of Matroska's, with a size of eight bytes."""
    body = b"".join(parts)
    return name + (len(body) | 1 << 56).to_bytes(8) + body


def behind(film: bytes, mark: bytes, new: bytes, skip: int = 0) -> bytes:
    """The film with bytes written over those behind the first `mark` and so many more."""
    place = film.index(mark) + len(mark) + skip
    return film[:place] + new + film[place + len(new) :]
