"""Frames as they come, checked to be all there, and each with its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from vidproc.errors import MediaError
from vidproc.filters.contract import Picture, Window

Frames = Iterator[tuple[int, Picture]]


def only(frames: Frames, needed: range) -> Frames:
    """The frames of these ranks, which must follow one another; stops asking after the last. Raises `MediaError`."""
    expected: int | None = None
    for rank, picture in frames:
        if rank < needed.start:
            continue
        if expected is not None and rank != expected:
            raise MediaError(f"frame {expected} is missing: frame {rank} came after frame {expected - 1}")
        expected = rank + 1
        yield rank, picture
        if expected >= needed.stop:
            return


def complete(frames: Frames, wanted: range) -> Frames:
    """The frames of these ranks, all of them. Raises `MediaError`."""
    expected = wanted.start
    for rank, picture in only(frames, wanted) if wanted else ():
        if rank != expected:
            raise MediaError(f"frame {expected} is missing: the frames begin with {rank}")
        expected += 1
        yield rank, picture
    if expected != wanted.stop:
        raise MediaError(f"frame {expected} is missing: the frames ended before it")


def widened(wanted: range, window: tuple[int, int]) -> range:
    """These ranks and all that their windows show."""
    before, after = window
    return range(wanted.start + before, wanted.stop + after)


def windows(frames: Frames, window: tuple[int, int], wanted: range, ahead: int) -> Iterator[tuple[int, Window]]:
    """Each wanted rank that there is, with its neighbours from before to after; None for those there aren't.

    It is given out once the `ahead`-th frame behind it has come, ahead >= after, or the frames have ended.
    """
    held: dict[int, Picture] = {}
    shown, (before, after) = widened(wanted, window), window

    def given_out(due: int) -> Iterator[tuple[int, Window]]:
        if due in wanted and due in held:
            yield due, tuple(held.get(due + offset) for offset in range(before, after + 1))

    newest = wanted.start
    for newest, picture in frames:
        if newest in shown:
            held[newest] = picture
        yield from given_out(newest - ahead)
        held.pop(newest - ahead + before, None)
    for due in range(newest - ahead + 1, newest + 1):
        yield from given_out(due)
