"""What a filter remembers, kept while one run of a chain lasts: the kinds of `vidproc.filters.memory` at work.

A run begins where the declaration says that memory may begin, at a multiple of its `every` or at the first frame of a
continuity segment. So here the first frame that comes is a beginning, whichever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vidproc.filters.contract import Picture
from vidproc.filters.memory import Look, Memory, Opaque, Reset, Snapshot
from vidproc.pipelines.windows import widened

Call = Callable[..., Any]
"""`call(rank, function, *args)`: the function, with the filter's parameters too; its time counts as the filter's, and
its errors name the filter and the rank."""


@dataclass(frozen=True, slots=True)
class Seam:
    """Where one run of a chain goes over into the next, for one step: the state that it takes up, if there is one, and
    to whom it leaves the one that is there when all ranks before `at` are done."""

    take: Callable[[], Any] | None = None
    at: int = -1
    leave: Callable[[Any], None] = lambda state: None


NO_SEAM = Seam()
"""Nothing comes before this run, nor after it."""


class Nothing:
    """The memory of a filter that has none; what the others differ in from it is what they are. Ranks come in order."""

    def __init__(self, memory: None, call: Call, wanted: range, seam: Seam) -> None:
        pass

    @property
    def ahead(self) -> int:
        """How many frames behind a rank must have come before `of` is asked for it."""
        return 0

    def applied(self, wanted: range) -> range:
        """The ranks that the filter must be applied to for the results of these."""
        return wanted

    def looks_at(self, rank: int) -> bool:
        """Whether this rank, which has come, is to be given to `note`. Asked once for each that comes."""
        return False

    def note(self, rank: int, picture: Picture) -> None:
        """The picture of a rank that it looks at, in the filter's format."""

    def of(self, rank: int) -> dict[str, Any]:
        """What `apply` gets by keyword for this rank."""
        return {}

    def applied_to(self, rank: int) -> None:
        """The filter has done this rank."""

    def spoil(self) -> None:
        """The filter was not applied, or failed half-way: what it knows can't be relied on, and is forgotten."""


class Resetting(Nothing):
    """A state that begins anew every so many ranks, so the filter is applied from the last beginning on."""

    def __init__(self, memory: Reset, call: Call, wanted: range, seam: Seam) -> None:
        self._memory, self._call = memory, call
        self._begun, self._state = False, None

    def applied(self, wanted: range) -> range:
        return range(wanted.start - wanted.start % self._memory.every, wanted.stop)

    def of(self, rank: int) -> dict[str, Any]:
        if not self._begun or rank % self._memory.every == 0:
            self._begun, self._state = True, self._call(rank, self._memory.begin)
        return {"state": self._state}

    def spoil(self) -> None:
        self._begun = False


class Looking(Nothing):
    """What was found in single frames, kept as long as a later frame may ask for it."""

    def __init__(self, memory: Look, call: Call, wanted: range, seam: Seam) -> None:
        self._memory, self._call = memory, call
        self._asked_for = widened(wanted, memory.reach)
        self._begun, self._seen = False, dict[int, Any]()

    @property
    def ahead(self) -> int:
        return self._memory.reach[1]

    def looks_at(self, rank: int) -> bool:
        due = not self._begun or rank % self._memory.every == 0
        self._begun = True
        return due and rank in self._asked_for

    def note(self, rank: int, picture: Picture) -> None:
        self._seen[rank] = self._call(rank, self._memory.function, picture)

    def of(self, rank: int) -> dict[str, Any]:
        before, after = self._memory.reach
        self._seen = {at: data for at, data in self._seen.items() if at >= rank + before}
        return {"seen": {at: data for at, data in self._seen.items() if at <= rank + after}}


class HandedOn(Nothing):
    """A state that goes on from the run before, and on to the one after."""

    def __init__(self, memory: Snapshot | Opaque, call: Call, wanted: range, seam: Seam) -> None:
        self._memory, self._call, self._seam = memory, call, seam
        self._begun, self._state = seam.take is not None, seam.take() if seam.take else None

    def of(self, rank: int) -> dict[str, Any]:
        if not self._begun:
            self._begun, self._state = True, self._call(rank, self._memory.begin)
        return {"state": self._state}

    def applied_to(self, rank: int) -> None:
        if rank + 1 == self._seam.at:
            self._seam.leave(self._state)

    def spoil(self) -> None:
        self._begun = False


_AT_WORK: Mapping[type, Callable[[Any, Call, range, Seam], Nothing]] = {
    type(None): Nothing,
    Reset: Resetting,
    Look: Looking,
    Snapshot: HandedOn,
    Opaque: HandedOn,
}


def recall(memory: Memory | None, call: Call, wanted: range, seam: Seam = NO_SEAM) -> Nothing:
    """The memory of a step that is to give the ranks `wanted`."""
    return _AT_WORK[type(memory)](memory, call, wanted, seam)
