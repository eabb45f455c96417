"""Runs of frames: half-open ranges of ranks, of which there are few where there may be many ranks."""

from __future__ import annotations

from collections.abc import Iterable

Run = tuple[int, int]


def joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Runs in order, as few as possible: those that meet become one."""
    found: list[Run] = []
    for start, stop in runs:
        if found and found[-1][1] == start:
            start, _ = found.pop()
        found.append((start, stop))
    return tuple(found)
