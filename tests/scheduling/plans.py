"""Chunk plans for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vidproc.model import Chunk


def chunks(groups: Sequence[int], frames: int = 48) -> tuple[Chunk, ...]:
    """Chunks of equal length from the film's beginning; `groups` says how many share each seek point."""
    return more_chunks(None, [position > 0 for size in groups for position in range(size)], frames)


def more_chunks(last: Chunk | None, shares: Iterable[bool], frames: int = 48) -> tuple[Chunk, ...]:
    """The chunks after `last`; `shares` says of each if it has the seek point of the one before."""
    made: list[Chunk] = []
    for same in shares:
        before = made[-1] if made else last
        index, start = (before.index + 1, before.stop) if before else (0, 0)
        seek = before.packets_start if before and same else start  # a byte a frame
        made.append(Chunk(index, start, start + frames, start, start + frames, 0, seek, start + frames))
    return tuple(made)
