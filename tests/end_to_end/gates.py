"""A filter that stops in the middle of a job and waits until the test lets it go on.

So a test can strike in mid-job whatever the machine's speed. The frames are not changed.
"""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.programs import until

_FILTER = """
import os
import time

seen = begun = 0


def held(frame):
    global seen, begun
    if not seen:
        mine = "chunk-%020d-%d" % (time.monotonic_ns(), os.getpid())
        open(os.path.join({folder!r}, mine), "w").close()
        begun = len([name for name in os.listdir({folder!r}) if "chunk-" <= name <= mine])
    seen += 1
    if seen > {after} and begun > {chunks} and not os.path.exists({gate!r}):
        open({mark!r} + str(os.getpid()), "w").close()
        while not os.path.exists({gate!r}):
            time.sleep(0.005)
    return frame
"""


class Gate:
    """The first so many `chunks` pass; of others each slot's process takes `after` frames and waits at the next one,
    until `open`."""

    def __init__(self, folder: Path, after: int = 5, chunks: int = 0) -> None:
        self._folder = folder
        self._gate = folder / "open"
        self.filter = folder / "held.py"
        paths = {"gate": folder / "open", "mark": folder / "at-", "folder": folder}
        named = {name: str(path) for name, path in paths.items()}
        self.filter.write_text(_FILTER.format(after=after, chunks=chunks, **named))

    def open(self) -> None:
        self._gate.touch()

    def close(self) -> None:
        """Again, for the next job of the same filter."""
        self._gate.unlink()
        for mark in self._folder.glob("at-*"):
            mark.unlink()

    def waiting(self) -> list[int]:
        """The processes that have come to the gate."""
        return [int(path.name.removeprefix("at-")) for path in self._folder.glob("at-*")]

    def reached(self, by: int = 1) -> list[int]:
        """Wait until so many have."""
        until(lambda: len(self.waiting()) >= by, f"{by} slots to be in the middle of a job")
        return self.waiting()
