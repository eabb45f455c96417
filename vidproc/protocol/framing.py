"""How messages lie in a stream of bytes: a prefix, a header, a payload.

    0        4        8
    +--------+--------+------------------+---------------+
    | header | payload| header           | payload       |
    | length | length | (a msgpack map)  | (raw bytes)   |
    +--------+--------+------------------+---------------+

Both lengths are unsigned 32-bit big-endian numbers. Bulk bytes ride in the payload, never inside msgpack, so that they
are not copied to be packed and a reader can refuse them by their length alone.

Whoever sends a frame may be hostile. Lengths are checked as soon as the prefix is there, before the body is read, and
the header's shape before any object is built of it (see `shape`). The same framing serves the pipes to slot processes,
with other `Limits`.
"""

from __future__ import annotations

import io
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgpack

from vidproc.errors import PeerError
from vidproc.protocol.shape import BLOCK, Limits, check_shape

Buffer = bytes | bytearray | memoryview
Frame = tuple[dict[Any, Any], bytes]

PREFIX = struct.Struct(">II")

__all__ = ["BLOCK", "PREFIX", "Buffer", "Frame", "FrameReader", "Limits", "in_blocks", "pack", "unpack_header"]


def pack(header: Mapping[str, Any], payload: Buffer = b"") -> list[Buffer]:
    """One frame as buffers to be sent one after the other. The payload is passed on as it is, not copied.

    Nothing is checked here; `check_shape` tells whether a reader would take the header. Raises what msgpack raises on
    values that it can't carry (`TypeError`, `ValueError`, `OverflowError`).
    """
    body: bytes = msgpack.packb(dict(header))
    size = memoryview(payload).nbytes
    head = PREFIX.pack(len(body), size) + body
    return [head, payload] if size else [head]


def in_blocks(whole: range) -> Iterator[range]:
    """These bytes of a file or buffer, as many at a time as a payload may have."""
    for at in range(whole.start, whole.stop, BLOCK):
        yield range(at, min(at + BLOCK, whole.stop))


def unpack_header(data: bytes, limits: Limits) -> dict[Any, Any]:
    """The map in a header's bytes. Raises `PeerError`. Keys may be numbers too: some messages map by number."""
    check_shape(data, limits)
    try:
        header: dict[Any, Any] = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError) as error:  # not UTF-8; a container as a key
        raise PeerError(f"a header is not the msgpack that vidproc uses: {error}") from None
    return header


class FrameReader:
    """Bytes in, frames out, however the bytes were cut on their way.

    Feed it what arrives and iterate: the loop ends when the next frame is not complete yet, and may be taken up again
    after the next `feed`. Raises `PeerError` on a breach of the limits or a bad header; the stream has no meaning
    after that and the reader must be thrown away. `limits` may be changed between two frames. What is fed must not be
    changed until it has been iterated over.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._input: deque[memoryview] = deque()
        self._lengths: tuple[int, int] | None = None
        self._header: dict[Any, Any] | None = None
        self._expect(PREFIX.size)

    def feed(self, data: Buffer) -> None:
        if data:
            self._input.append(memoryview(data).cast("B"))

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        while self._fill():
            frame = self._finish_part(self._part.getvalue())
            if frame is not None:
                return frame
        raise StopIteration

    def _expect(self, size: int) -> None:
        """Begin a part of so many bytes. A `BytesIO` grows in place and gives its bytes up without a copy."""
        self._part = io.BytesIO()
        self._missing = size

    def _fill(self) -> bool:
        """Move bytes from the input to the part in hand; whether it is complete."""
        while self._missing and self._input:
            data = self._input.popleft()
            taken = self._part.write(data[: self._missing])
            self._missing -= taken
            if taken < len(data):
                self._input.appendleft(data[taken:])
        return not self._missing

    def _finish_part(self, part: bytes) -> Frame | None:
        if self._lengths is None:
            self._lengths = self._checked(*PREFIX.unpack(part))
            self._expect(self._lengths[0])
        elif self._header is None:
            self._header = unpack_header(part, self.limits)
            self._expect(self._lengths[1])
        else:
            frame = self._header, part
            self._lengths = self._header = None
            self._expect(PREFIX.size)
            return frame
        return None

    def _checked(self, header: int, payload: int) -> tuple[int, int]:
        if header > self.limits.header:
            raise PeerError(f"a header of {header} bytes was announced; at most {self.limits.header} are taken")
        if payload > self.limits.payload:
            raise PeerError(f"a payload of {payload} bytes was announced; at most {self.limits.payload} are taken")
        return header, payload
