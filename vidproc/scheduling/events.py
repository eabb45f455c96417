"""What the scheduler hears (events) and what it orders (commands). Plain frozen values, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vidproc.model import Chunk, Fault, FilterCall, LeaseKind

# Events


@dataclass(frozen=True, slots=True)
class WorkerJoined:
    """A daemon with `slots` slots. `rate_limit` is in frames/s, 0 for none."""

    worker: str
    slots: int
    rate_limit: float = 0.0
    allow_custom: bool = False


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The connection ended or fell silent: all its leases are void, but for those whose result has arrived."""

    worker: str


@dataclass(frozen=True, slots=True)
class WorkerDraining:
    """It gets no more leases; those it has may finish."""

    worker: str


@dataclass(frozen=True, slots=True)
class WorkerLimited:
    """Its rate limit, in frames/s, 0 for none, is another one from now on."""

    worker: str
    rate_limit: float


@dataclass(frozen=True, slots=True)
class Sequential:
    """That a part of a job must be done in frame order. Not `pinned`: a state is handed from chunk to chunk, and with
    it any slot can do one. `pinned`: all in one slot, and what is handed on is frames; a chunk needs those up to
    `reach` behind its last."""

    pinned: bool
    reach: int = 0


@dataclass(frozen=True, slots=True)
class JobSubmitted:
    """`custom` jobs run only on daemons that allow it. `in_flight` bounds the job's chunks leased or not yet
    delivered. `isolates`: frames that filters can't do may fall back; else they fail the job."""

    job: str
    custom: bool = False
    in_flight: int = 64
    stage: Sequential | None = None
    isolates: bool = False


@dataclass(frozen=True, slots=True)
class ChunksPlanned:
    """More chunks of a job, in order; `final` when there are no others. The results of those in `kept` are on disk
    already, from before the coordinator was started anew. Where the job has a stage there are none."""

    job: str
    chunks: tuple[Chunk, ...]
    final: bool
    kept: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ChunksProgressed:
    """How many frames slots have finished, by lease."""

    frames: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ChunkFinished:
    """A result has arrived whole and matches its hash, but is not stored yet. `can_continue`: the slot's decoder is
    open where the chunk ends."""

    lease: int
    can_continue: bool = True


@dataclass(frozen=True, slots=True)
class ChunkFailed:
    """A lease ended without a result, or its result could not be stored. `retryable` errors are tried again;
    `slot_lost` means that the slot is a new process now. `call`: the filter's that it failed in."""

    lease: int
    code: str
    message: str
    retryable: bool
    frame: int = -1
    slot_lost: bool = False
    call: FilterCall | None = None


@dataclass(frozen=True, slots=True)
class ChunkPersisted:
    """The result that `Persist` ordered is on disk."""

    lease: int


@dataclass(frozen=True, slots=True)
class ChunkDelivered:
    """The muxer has taken a chunk that `Deliver` handed it."""

    job: str
    chunk: int


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """By its owner, or because something outside the scheduler failed it."""

    job: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has come: backoffs end, tokens have grown."""


Event = (
    WorkerJoined | WorkerLost | WorkerDraining | WorkerLimited | JobSubmitted | ChunksPlanned | ChunksProgressed
    | ChunkFinished | ChunkFailed | ChunkPersisted | ChunkDelivered | JobCancelled | Tick
)

# Commands


@dataclass(frozen=True, slots=True)
class Grant:
    """Lease a chunk to a slot of a daemon. `continues`: the slot's last chunk was the one before, of the same seek
    point, so its decoder is open where this one starts. `ahead`: the slot is at work, and gets to it afterwards.
    `second`: another slot is late with this chunk, and still at it; of the same attempt. `replays`: a stage comes by
    here again, and its result is held already. `faults`: calls of filters that are not to be made."""

    lease: int
    worker: str
    slot: int
    job: str
    chunk: int
    attempt: int
    kind: LeaseKind
    continues: bool
    ahead: bool = False
    second: bool = False
    replays: bool = False
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Tell the daemon to stop working on a lease that is void."""

    lease: int
    worker: str


@dataclass(frozen=True, slots=True)
class Persist:
    """Store this lease's result; answer with `ChunkPersisted`."""

    lease: int
    job: str
    chunk: int


@dataclass(frozen=True, slots=True)
class Discard:
    """What has just come for this lease came too late, or a second time: throw it away. Never the result that is kept,
    nor one that a `Persist` is out for."""

    lease: int


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the daemon that the result is kept."""

    lease: int
    worker: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """The next chunk in order for the muxer; answer with `ChunkDelivered`."""

    job: str
    chunk: int


@dataclass(frozen=True, slots=True)
class CompleteJob:
    """Every chunk was delivered. `retries`: how often a chunk was run again, by chunk, where not never."""

    job: str
    retries: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailJob:
    """A chunk failed for good. `retries` as in `CompleteJob`."""

    job: str
    code: str
    message: str
    retries: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a `Tick` at this time, if no event came before. Each event ends the last `WakeAt`: drop its timer."""

    time: float


Command = Grant | Withdraw | Persist | Discard | Acknowledge | Deliver | CompleteJob | FailJob | WakeAt
