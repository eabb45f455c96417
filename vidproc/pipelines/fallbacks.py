"""Frames that a filter can't do: what the filters behind it get in their place, and what is shown.

A call fails where it raises, if that is allowed, or where it is known to end its process, and then is not made. Which
calls fail is a matter of what they are given, and so are two rules that make the rest:

- The filter hands on what it was given, brought to the size of its results. Those behind it leave that frame alone and
  hand it on likewise, so all neighbours see it as it was before the filter at fault. What the filter remembers is
  forgotten with it: a call that fails half-way may have left anything there.
- Of the result's own frames, such a one is replaced as the job's `on_error` says.

Both look at nothing but the chain's frames. So a chunk whose filters see a frame of its neighbour meets what fails
there by itself, and comes to the same; and where a film is cut changes nothing, but for `previous`, which looks for a
frame to repeat within the chunk, and shows black where there is none: never what the filter was to change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from vidproc.errors import FilterError, one_line
from vidproc.filters import fields
from vidproc.filters.contract import Picture
from vidproc.model import Fallback, FilterCall
from vidproc.pipelines.windows import Frames

T = TypeVar("T")


class Watch(Protocol):
    """Who is told which call is going on, in case it never comes back."""

    def enter(self, call: FilterCall) -> None: ...

    def leave(self) -> None: ...


class Nobody:
    """A watch that does not look."""

    def enter(self, call: FilterCall) -> None:
        pass

    def leave(self) -> None:
        pass


@dataclass(slots=True)
class Guard:
    """Stands around each call of a filter in one run of a chain.

    known: the calls that are not to be made, with the reasons. catches: whether what a filter raises makes its frame
    fall back, or ends the run. reasons: why frames have fallen back so far, by rank. `on_error`: see `JobSpec`.
    """

    known: Mapping[FilterCall, str] = field(default_factory=dict)
    catches: bool = False
    on_error: str = "original"
    watch: Watch = field(default_factory=Nobody)
    reasons: dict[int, str] = field(default_factory=dict)

    @property
    def expects_faults(self) -> bool:
        return self.catches or bool(self.known)

    def made(self, call: FilterCall, function: Callable[[], T]) -> T | None:
        """What the call gives, or None where it fails or its frame has fallen back already."""
        if call.rank in self.reasons and not call.looks:
            return None
        if call in self.known:
            self._note(call, self.known[call])
            return None
        self.watch.enter(call)
        try:
            result: T | None = function()
        except FilterError as error:
            if not self.catches:
                raise  # the watch is to know where that was
            self._note(call, str(error))
            result = None
        self.watch.leave()
        return result

    def fallbacks(self, wanted: range) -> list[Fallback]:
        """Which of these ranks fell back, and why."""
        return [Fallback(rank, reason) for rank, reason in sorted(self.reasons.items()) if rank in wanted]

    def _note(self, call: FilterCall, reason: str) -> None:
        """What was raised may hold anything."""
        self.reasons.setdefault(call.rank, one_line(reason).removeprefix(f"frame {call.rank}: "))


class Resizer(Protocol):
    def resize(self, picture: Picture, width: int, height: int) -> Picture:
        """The picture at another size."""


class Substitutes:
    """What is shown for frames that fell back, in one run. It keeps pictures only where the guard expects faults."""

    def __init__(self, guard: Guard, converter: Resizer, wanted: range) -> None:
        self._guard = guard
        self._converter = converter
        self._wanted = wanted
        self._originals: dict[int, Picture] = {}
        self._previous: Picture | None = None

    def note(self, frames: Frames) -> Frames:
        """The frames as they go into the chain."""
        if not self._guard.expects_faults:
            return frames
        return self._noted(frames)

    def _noted(self, frames: Frames) -> Frames:
        for rank, picture in frames:
            if rank in self._wanted:
                self._originals[rank] = picture
            yield rank, picture

    def shown(self, rank: int, picture: Picture) -> Picture:
        """The chain's result, or what replaces it; of the same size, and of any format."""
        original = self._originals.pop(rank, None)
        if rank not in self._guard.reasons:
            return picture
        assert original is not None
        return fields.ordered(self._substitute(original, picture), picture.field_order)

    def note_shown(self, rank: int, picture: Picture) -> None:
        """A picture as it goes into the film."""
        if self._guard.on_error == "previous" and self._guard.expects_faults and rank not in self._guard.reasons:
            self._previous = Picture(picture.format, tuple(plane.copy() for plane in picture.planes))

    def _substitute(self, original: Picture, like: Picture) -> Picture:
        if self._guard.on_error == "original":
            return self._converter.resize(original, like.width, like.height)
        if self._guard.on_error == "previous" and self._previous is not None:
            return self._previous
        return Picture("bgr24", (np.zeros((like.height, like.width, 3), np.uint8),))
