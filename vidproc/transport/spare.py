"""A descriptor that is kept for the time when there are no others, as whoever is refused must be accepted first."""

from __future__ import annotations

import contextlib
import os


class Spare:
    """`take` it, and `give` it away for what needs one more than anybody else."""

    def __init__(self) -> None:
        self._held: int | None = None

    def take(self) -> None:
        """If there is one now and none is held."""
        if self._held is None:
            with contextlib.suppress(OSError):
                self._held = os.open(os.devnull, os.O_RDONLY)

    def give(self) -> bool:
        """Whether there was one to give."""
        held, self._held = self._held, None
        if held is None:
            return False
        os.close(held)
        return True
