"""Filters as users write them, in a file of its own that goes to other hosts as text."""

from __future__ import annotations

from typing import Any

import vidproc


def invert(frame: Any) -> Any:
    return 255 - frame


@vidproc.filter(formats="gray", window=(-1, 0))
def trails(frames: Any) -> Any:
    before, now = frames
    return now if before is None else now // 2 + before // 2


class Darken:
    """A filter that is an object."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, frame: Any) -> Any:
        return frame // self.by

    def method(self, frame: Any) -> Any:
        return frame // self.by
