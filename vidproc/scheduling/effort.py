"""How much work a chunk is, before anybody has done it.

Its frames are counted, but not all as one: where the source spent more bytes on a frame there is more to encode again.
The unit is the job's average frame. Measured over the chunks of a film with a quiet end: 6.5 ms a frame and 0.9 ms for
each KB of the source's, where the average frame has 6.1 KB.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidproc.model import Chunk

_BY_BYTES = 0.45
"""The part of an average frame's work that goes with its bytes."""


class Effort:
    """The scale of work of one job: each chunk takes up a stretch of it, in the order that they are planned."""

    def __init__(self) -> None:
        self._end = 0.0
        self._frames = 0
        self._bytes = 0
        self._packets_end = 0

    def measure(self, chunks: Sequence[Chunk]) -> list[tuple[float, float]]:
        """Where each of these further chunks begins and ends. The average is that of all chunks so far."""
        sizes = [self._own_bytes(chunk) for chunk in chunks]
        self._frames += sum(chunk.frames for chunk in chunks)
        self._bytes += sum(sizes)
        return [self._placed(chunk.frames, size) for chunk, size in zip(chunks, sizes, strict=True)]

    def _own_bytes(self, chunk: Chunk) -> int:
        """The bytes of its packets that were not the chunk's before it."""
        begin, self._packets_end = max(chunk.packets_start, self._packets_end), chunk.packets_stop
        return max(0, chunk.packets_stop - begin)

    def _placed(self, frames: int, size: int) -> tuple[float, float]:
        by_bytes = size * self._frames / self._bytes if self._bytes else frames
        begin, self._end = self._end, self._end + (1 - _BY_BYTES) * frames + _BY_BYTES * by_bytes
        return begin, self._end
