"""What a msgpack header may look like, checked before any object is built of it.

msgpack amplifies: an empty list is one byte on the wire and 56 in memory, so a few megabytes of nested empty lists
become hundreds (measured: 3.8 MB to 283 MB). One linear pass over the bytes counts items and depth and refuses what is
too much; only then is the header unpacked.
"""

from __future__ import annotations

from msgspec import Struct

from vidproc.errors import PeerError

BLOCK = 2**20
"""Bytes of a payload, at most: what is larger goes in several messages, so that no other waits for long behind it."""


class Limits(Struct, frozen=True):
    """How large a frame may be. `header` and `payload` are in bytes.

    `depth` counts the containers around a value (the header's own map is the first), `length` the items of one array
    or the pairs of one map, `items` all values of the header together, containers and keys among them.
    """

    header: int = 256 * 1024
    payload: int = BLOCK
    depth: int = 16
    length: int = 4096
    items: int = 65536


# What follows a first byte, by https://github.com/msgpack/msgpack/blob/master/spec.md. A scalar has a size; a blob
# (string or binary), an array and a map begin with a length field of so many bytes, 0 when it is in the first byte.
_SCALAR, _BLOB, _ARRAY, _MAP, _REFUSED = range(5)


def _table() -> list[tuple[int, int]]:
    table = [(_REFUSED, 0)] * 256
    table[0x00:0x80] = [(_SCALAR, 1)] * 0x80
    table[0x80:0x90] = [(_MAP, 0)] * 0x10
    table[0x90:0xA0] = [(_ARRAY, 0)] * 0x10
    table[0xA0:0xC0] = [(_BLOB, 0)] * 0x20
    table[0xC0] = table[0xC2] = table[0xC3] = (_SCALAR, 1)
    table[0xC4:0xC7] = [(_BLOB, 1), (_BLOB, 2), (_BLOB, 4)]
    table[0xCA:0xD4] = [(_SCALAR, size) for size in (5, 9, 2, 3, 5, 9, 2, 3, 5, 9)]
    table[0xD9:0xE0] = [(_BLOB, 1), (_BLOB, 2), (_BLOB, 4), (_ARRAY, 2), (_ARRAY, 4), (_MAP, 2), (_MAP, 4)]
    table[0xE0:0x100] = [(_SCALAR, 1)] * 0x20
    return table


_FIRST_BYTE = _table()
_INLINE_MASK = {_BLOB: 0x1F, _ARRAY: 0x0F, _MAP: 0x0F}
_CONTAINERS = bytes(byte for byte, (kind, _) in enumerate(_FIRST_BYTE) if kind in (_ARRAY, _MAP))


def too_small_to_break(data: bytes, limits: Limits) -> bool:
    """Whether a header that we packed ourselves is within the limits whatever it says, and needs no look at its items.

    Each item takes at least a byte, and each container begins with one that says so (other bytes may look the same).
    """
    containers = len(data) - len(data.translate(None, _CONTAINERS))
    return len(data) <= min(limits.length, limits.items) and containers <= limits.depth


def check_shape(data: bytes, limits: Limits) -> None:
    """Raise `PeerError` unless `data` is exactly one msgpack map within the limits. Strings' UTF-8 is not looked at."""
    if not data or _FIRST_BYTE[data[0]][0] != _MAP:
        raise PeerError("a header is not a msgpack map")
    position = items = 0
    missing = [1]  # how many items each open container lacks, the outermost first
    while missing:
        if missing[-1] == 0:
            missing.pop()
            continue
        missing[-1] -= 1
        items += 1
        position, children = _item(data, position, limits)
        if children is not None:
            missing.append(children)
        if items > limits.items or len(missing) > limits.depth + 1:
            raise PeerError(f"a header holds more than {limits.items} items or {limits.depth} levels")
    if position != len(data):
        raise PeerError("a header does not end where its length says")


def _item(data: bytes, position: int, limits: Limits) -> tuple[int, int | None]:
    """Where the next item begins, and how many items lie in this one if it is a container."""
    if position >= len(data):
        raise PeerError("a header ends in the middle of a value")
    first = data[position]
    kind, size = _FIRST_BYTE[first]
    if kind == _SCALAR:
        return position + size, None
    if kind == _REFUSED:
        raise PeerError(f"a header holds a value of msgpack type {first:#04x}, which vidproc does not use")
    end = position + 1 + size
    length = int.from_bytes(data[position + 1 : end]) if size else first & _INLINE_MASK[kind]
    if kind == _BLOB:
        return end + length, None
    if length > limits.length:
        raise PeerError(f"a header holds an array or map of {length} items; at most {limits.length} are taken")
    return end, 2 * length if kind == _MAP else length
