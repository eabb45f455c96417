"""Packet records: how compressed packets lie on disk and travel, without a container around them.

One record is a fixed header, its side data and the packet's bytes; a run of records is their concatenation, so that a
chunk's packets are one range of bytes of the source's packet file and a slot's answer is one more such run. What a
container would add is left out on purpose: containers round times, drop packets with a negative dts, and cost a parser
at both ends. `docs/packet-records.md` gives the layout byte by byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag

from vidproc.errors import MediaError

HIDDEN = -1
"""The rank of a packet whose frame is decoded but not shown."""

NO_DTS = -(1 << 63)
"""The dts of a packet that has none; FFmpeg's AV_NOPTS_VALUE."""

_HEADER = struct.Struct("<IHHqqq")  # size of data, flags, number of side data, rank, dts, duration
_SIDE = struct.Struct("<BI")  # length of name, size of data
_MAX_SIDE_DATA = 64  # FFmpeg knows 40 kinds


class PacketFlag(IntFlag):
    """What is known of a packet beside its bytes. SEEK: decoding may start here (a keyframe need not be that)."""

    KEY = 1
    CORRUPT = 2
    DISCARD = 4
    SEEK = 8


@dataclass(frozen=True, slots=True)
class PacketRecord:
    """One packet. `rank` numbers its frame (`HIDDEN` if none is shown), `dts` and `duration` are in the stream's ticks.

    `side_data` is what a decoder needs that is not in the bytes: (FFmpeg's name for the kind, content) pairs. Records
    read by `unpack` hold views into the buffer that was unpacked.
    """

    rank: int
    dts: int
    duration: int
    flags: int
    data: bytes | memoryview
    side_data: tuple[tuple[str, bytes], ...] = ()


def pieces(record: PacketRecord) -> list[bytes | memoryview]:
    """One record as the pieces to write one after the other, the packet's bytes uncopied."""
    head = _HEADER.pack(
        len(record.data), record.flags, len(record.side_data), record.rank, record.dts, record.duration
    )
    side: list[bytes | memoryview] = []
    for name, content in record.side_data:
        side += (_SIDE.pack(len(name), len(content)), name.encode("ascii"), content)
    return [head, *side, record.data]


def pack(records: Iterable[PacketRecord]) -> bytes:
    """A run of records as bytes."""
    return b"".join(piece for record in records for piece in pieces(record))


def unpack(buffer: bytes | bytearray | memoryview) -> Iterator[PacketRecord]:
    """The records in a buffer, as views into it. Raises `MediaError` where they end in the middle or make no sense."""
    view, at = memoryview(buffer), 0
    while at < len(view):
        record, at = _read(view, at)
        yield record


def _read(view: memoryview, at: int) -> tuple[PacketRecord, int]:
    try:
        size, flags, kinds, rank, dts, duration = _HEADER.unpack_from(view, at)
        side, at = _read_side_data(view, at + _HEADER.size, kinds) if kinds else ((), at + _HEADER.size)
    except (struct.error, UnicodeDecodeError) as error:
        raise MediaError(f"the packet records are damaged at byte {at}") from error
    return PacketRecord(rank, dts, duration, flags, _slice(view, at, size), side), at + size


def _read_side_data(view: memoryview, at: int, kinds: int) -> tuple[tuple[tuple[str, bytes], ...], int]:
    if kinds > _MAX_SIDE_DATA:
        raise MediaError(f"the packet records are damaged at byte {at}")
    found = []
    for _ in range(kinds):
        length, size = _SIDE.unpack_from(view, at)
        at += _SIDE.size
        name = str(_slice(view, at, length), "ascii")
        found.append((name, bytes(_slice(view, at + length, size))))
        at += length + size
    return tuple(found), at


def _slice(view: memoryview, at: int, size: int) -> memoryview:
    if at + size > len(view):
        raise MediaError(f"the packet records end in the middle of one: {at + size - len(view)} bytes are missing")
    return view[at : at + size]
