"""Which call of a filter ends the process that makes it, as far as the ends of processes tell.

That a process died in a call proves little: anybody may have killed it just then. It is proved when that has happened
in two runs of a chunk, in one of them at least with nothing else beside it, and no run of the chunk came further.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vidproc.model import FilterCall

_ENOUGH = 2


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Against the last call of the run that came furthest: to the frame `frame` of the result.

    `times`: how many runs died in it, `alone` how many of these had nothing beside them.
    """

    call: FilterCall
    frame: int
    times: int = 1
    alone: int = 0

    @property
    def proved(self) -> bool:
        return self.times >= _ENOUGH and self.alone > 0


def suspect(held: Suspicion | None, call: FilterCall, frame: int, alone: bool) -> Suspicion:
    """What is to be suspected after one more run died."""
    if held is None or frame > held.frame or (frame == held.frame and call != held.call):
        return Suspicion(call, frame, alone=int(alone))
    if frame < held.frame:
        return held  # and innocent is the call that it died in, as another run has passed there
    return replace(held, times=held.times + 1, alone=held.alone + alone)
