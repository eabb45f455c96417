"""How often a chunk is tried, how long it rests between, and what is said when it fails for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vidproc.errors import OutOfMemoryError, WorkerError
from vidproc.model import Chunk, FilterCall
from vidproc.quantities import counted


class Jitter(Protocol):
    """The part of `random.Random` that is used here."""

    def uniform(self, a: float, b: float, /) -> float: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """The scheduler's settings.

    retries: how often a chunk that failed with its slot alive (a filter raised) is run again.
    losses: a chunk under which this many slots or daemons vanished is poison. They have a count of their own because
        a daemon that is switched off says nothing about the chunk.
    backoff_base, backoff_cap: seconds; see `backoff`.
    rest_base, rest_cap: seconds; see `rest`.
    most_faults: how many calls of filters may end their process before a job fails; see `isolation`.
    burst: seconds' worth of frames that a rate-limited daemon may save up while it is idle.
    lead_in_cost: what a frame costs that is only decoded and dropped, against one that is processed (measured with
        blur and H.264 of 432 to 1080 lines: 0.08 to 0.2).
    read_ahead: whether a slot at work is given its next lease.
    lateness, least_lateness: a lease is late, and may be run a second time, when it has taken longer than usual by this
        part of that, and by so many seconds.
    """

    retries: int = 3
    losses: int = 4
    most_faults: int = 16
    backoff_base: float = 0.2
    backoff_cap: float = 10.0
    rest_base: float = 0.1
    rest_cap: float = 5.0
    burst: float = 1.0
    lead_in_cost: float = 1 / 8
    read_ahead: bool = True
    lateness: float = 0.5
    least_lateness: float = 0.5

    def exhausted(self, errors: int, losses: int) -> bool:
        return errors > self.retries or losses >= self.losses

    def backoff(self, errors: int, rng: Jitter) -> float:
        """Seconds to rest after the `errors`-th error: exponential with full jitter.

        Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        doublings = min(errors - 1, 64)
        return rng.uniform(0.0, min(self.backoff_cap, self.backoff_base * 2.0**doublings))

    def late_after(self, usual: float) -> float:
        """Seconds after which a lease is late that usually takes so many."""
        return usual + max(self.lateness * usual, self.least_lateness)

    def rest(self, setbacks: int) -> float:
        """Seconds that a daemon gets no work after its `setbacks`-th setback in a row.

        The cap bounds what a sick daemon costs its cluster, and also how long a job waits that has no other daemon.
        """
        return min(self.rest_cap, self.rest_base * 2.0 ** min(setbacks - 1, 64))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a lease ended without a result. `lost` if its slot or daemon is gone; `frame` is -1 when not known, `call`
    the filter's that it was in."""

    code: str
    message: str
    retryable: bool
    frame: int = -1
    lost: bool = False
    call: FilterCall | None = None

    @property
    def of_the_daemon(self) -> bool:
        """Whether it speaks against the daemon: a slot died or lacked memory. A filter that raises does not."""
        return self.lost or self.for_memory or self.code == WorkerError.code

    @property
    def for_memory(self) -> bool:
        return self.code == OutOfMemoryError.code


def sentence(chunk: Chunk, failure: Failure, attempts: int) -> str:
    """What a person is told when a chunk failed for good."""
    frames = f"frames {chunk.start} to {chunk.stop - 1}" if chunk.frames > 1 else f"frame {chunk.start}"
    frame = failure.call.rank if failure.call else failure.frame
    what, where = (f"frame {frame}", f", {frames}") if frame >= 0 else (frames, "")
    message = failure.message.removeprefix(f"{what}: ")
    return f"{what} failed: {message} (chunk {chunk.index}{where}, {counted(attempts, 'attempt')})"
