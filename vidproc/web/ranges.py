"""Parts of a file, as `Range` asks for them (RFC 9110, 14)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

_MOST = 16
"""Ranges in one request; for more the whole is sent, as the RFC allows."""

_RANGE = re.compile("([0-9]{0,18})-([0-9]{0,18})")


class UnsatisfiableError(ValueError):
    """None of what was asked for is there."""


def asked_ranges(header: str, size: int) -> list[range]:
    """Those that there are of a file of `size` bytes; none where the whole is to be sent, since the header asks for
    nothing that makes sense. Raises `UnsatisfiableError`."""
    unit, _, rest = header.partition("=")
    words = [word.strip(" \t") for word in rest.split(",", _MOST + 1)]
    if unit.strip().lower() != "bytes" or len(words) > _MOST:
        return []
    matches = [_RANGE.fullmatch(word) for word in words if word]
    if not matches or not all(matches):
        return []
    pairs = [(match[1], match[2]) for match in matches if match]
    if any((not first and not last) or (first and last and int(first) > int(last)) for first, last in pairs):
        return []
    found = [there for there in (_there(first, last, size) for first, last in pairs) if there]
    if not found:
        raise UnsatisfiableError
    return found if sum(map(len, found)) <= size else []


def _there(first: str, last: str, size: int) -> range:
    if not first:
        return range(max(0, size - int(last)), size)
    return range(int(first), min(size, int(last) + 1 if last else size))


def content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def framed(parts: Sequence[range], size: int, media_type: str) -> tuple[list[bytes | range], str]:
    """Several parts in one body, of bytes as they are and of ranges of the file; and the body's own media type."""
    boundary = secrets.token_hex(16)
    body: list[bytes | range] = []
    for part in parts:
        head = f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {content_range(part, size)}\r\n\r\n"
        body += [head.encode(), part, b"\r\n"]
    return [*body, f"--{boundary}--\r\n".encode()], f"multipart/byteranges; boundary={boundary}"
