"""What a filter remembers beside its window of neighbours: the kinds there are.

A film is worked on in chunks, in no certain order, so a filter can't simply keep things from one frame to the next:
what it did to a frame would depend on where the film was cut. Each kind here is a promise under which it does not. The
filter declares one, the planner gives a chunk the frames before and after it that the promise needs, and the runner
keeps it, in sequential runs too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vidproc.reach import ReachStep


@dataclass(frozen=True, slots=True)
class Reset:
    """A state that begins anew at each rank divisible by `every`, and at the first frame of a continuity segment.

    begin: `begin(**params) -> state` makes one. `apply` gets it by keyword, `state=`, for each rank in order, and may
        change it. It may keep no picture in it, nor its planes, but copies: their memory is used again.
    """

    begin: Callable[..., Any]
    every: int

    def __post_init__(self) -> None:
        _check_every(self.every)

    def steps(self, window: tuple[int, int]) -> tuple[ReachStep, ...]:
        """What a filter with this memory and this window reaches."""
        return (ReachStep(*window, self.every),)

    def __str__(self) -> str:
        return f"Remembers what came before, and begins anew every {self.every} frames."


@dataclass(frozen=True, slots=True)
class Look:
    """Data of single frames: of each rank divisible by `every`, and of the first frame of a continuity segment.

    function: `function(picture, **params) -> data`, a pure function, called once a rank. The data must be small and
        share no memory with the picture.
    reach: offsets (before, after), before <= 0 <= after. `apply` gets by keyword, `seen=`, a dict {rank: data} of all
        ranks looked at from before to after of its own, in order; it must not change the data. Of the frames between,
        only those ahead are held.
    """

    function: Callable[..., Any]
    every: int
    reach: tuple[int, int]

    def __post_init__(self) -> None:
        _check_every(self.every)

    def steps(self, window: tuple[int, int]) -> tuple[ReachStep, ...]:
        """What a filter with this memory and this window reaches.

        Looking begins at a multiple of `every`, so the first frame that comes is looked at, whichever it is.
        """
        (before, after), (see_before, see_after) = self.reach, window
        return ReachStep(every=self.every), ReachStep(min(before, see_before), max(after, see_after))

    def __str__(self) -> str:
        before, after = self.reach
        return f"Looks at one frame in {self.every}, and sees what was found from {-before} before to {after} after."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state from the first frame of a continuity segment on, which is handed from chunk to chunk as data.

    begin: `begin(**params) -> state` makes one, of plain values and arrays (`vidproc.worker.states` says which).
        `apply` gets it by keyword, `state=`, for each rank in order, and may change what is in it. It may keep no
        picture in it, nor its planes, but copies.
    """

    begin: Callable[..., Any]

    def steps(self, window: tuple[int, int]) -> tuple[ReachStep, ...]:
        """What a filter with this memory and this window reaches: its past comes to it as a state."""
        return (ReachStep(*window),)

    def __str__(self) -> str:
        return "Remembers all that came before, so the chain up to it runs twice, once of these in the film's order."


@dataclass(frozen=True, slots=True)
class Opaque:
    """A state that is anything at all and can't leave its process, from the first frame of a continuity segment on.

    begin: as for `Snapshot`. The filter runs in one slot over the whole film, in order, and again from the start where
        that slot is lost.
    """

    begin: Callable[..., Any]

    def steps(self, window: tuple[int, int]) -> tuple[ReachStep, ...]:
        """What a filter with this memory and this window reaches, where its state is."""
        return (ReachStep(*window),)

    def __str__(self) -> str:
        return "Remembers all that came before, in one process, where the chain up to it runs in the film's order."


Memory = Reset | Look | Snapshot | Opaque

SEQUENTIAL = (Snapshot, Opaque)
"""The kinds for which a film must be gone through in order."""

MOST_EVERY = 3000
"""Frames between two beginnings, of filters that let people choose. A chunk that begins between them works from the one
before on."""


def _check_every(every: int) -> None:
    if every < 1:
        raise ValueError(f"a filter can't remember anything every {every} frames")
