"""Every message that crosses a connection, and the registry that names them.

A message is a frozen struct; its name on the wire is its class's in kebab case (`upload-block`). Bulk bytes are not
fields: they ride behind the header as the payload. `docs/protocol.md` describes each with its direction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec import Struct

from vidproc.model import NO_PATHS, ChunkReport, ChunkTask, FilterCall, JobSpec, JobState, LeaseKind, Paths, is_sha256
from vidproc.protocol.structure import from_plain, to_plain

VERSION = 1
"""The protocol's version; peers of another one are refused with an error that says so."""


LONGEST_NAME = 1024
"""Characters of a film's name; of a file's, systems take 255 bytes."""

LONGEST_PATH = 4096
"""Characters of where a film lies, as Linux counts its bytes."""


_LONGEST_ID = 255


class Message(Struct, frozen=True):
    """Base of all messages. `bulk` ones may wait behind control messages and carry a payload."""

    bulk: ClassVar[bool] = False
    registry: ClassVar[dict[str, type[Message]]] = {}
    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        Message.registry[cls.kind] = cls

    def to_header(self) -> dict[str, Any]:
        return {"type": self.kind, **to_plain(self)}

    @staticmethod
    def from_header(header: Mapping[str, Any]) -> Message:
        """The message in a decoded header. Raises `ValueError` on an unknown type or a bad field."""
        name = header.get("type")
        cls = Message.registry.get(name) if isinstance(name, str) else None
        if cls is None:
            raise ValueError(f"unknown message type {name!r}")
        return from_plain(cls, header)


def check(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def check_job_id(job_id: str) -> None:
    check(len(job_id) <= _LONGEST_ID, f"a job's id has at most {_LONGEST_ID} characters")


def _check_sha256(text: str) -> None:
    check(is_sha256(text), "a SHA-256 is 64 lower-case hexadecimal digits")


# Opening a connection: handshake -> [challenge -> proof ->] ack, or error


class Handshake(Message, frozen=True):
    """Peer: the first message of either role, "client" or "worker". `nonce` is 32 random bytes of the peer's.

    `capabilities` of a worker: `slots` (int), `allow_custom` (bool), `rate_limit` (frames/s, 0 for none).
    """

    version: int
    role: str
    name: str
    versions: Mapping[str, str]
    nonce: bytes
    capabilities: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        check(len(self.nonce) == 32, "a nonce has 32 bytes")
        check(len(self.name) <= 255 and self.name.isprintable(), "a name is one line of at most 255 characters")


class Challenge(Message, frozen=True):
    """Coordinator, when it has a token: its nonce, and its own proof over the peer's nonce."""

    nonce: bytes
    proof: bytes

    def __post_init__(self) -> None:
        check(len(self.nonce) == 32, "a nonce has 32 bytes")


class Proof(Message, frozen=True):
    """Peer: HMAC-SHA256 of the token over both nonces and the role."""

    proof: bytes


class Ack(Message, frozen=True):
    """Coordinator: the connection is open. A peer that is silent for `silence_s` is taken for dead."""

    version: int
    name: str
    versions: Mapping[str, str]
    heartbeat_s: float
    silence_s: float

    def __post_init__(self) -> None:
        check(0 < self.heartbeat_s < self.silence_s < 86400, "0 < heartbeat_s < silence_s < 86400 does not hold")
        check(len(self.name) <= 255 and self.name.isprintable(), "a name is one line of at most 255 characters")


class Error(Message, frozen=True):
    """Either: what went wrong, about a job if `job_id` is set or a message if its `request` is; else the connection."""

    code: str
    message: str
    blame: str
    job_id: str = ""
    request: int = 0


class Ping(Message, frozen=True):
    """Either: answered with a pong at once. Any byte seen counts as life; a ping is sent when there are no others."""


class Pong(Message, frozen=True):
    """Either: the answer to a ping."""


# Clients


class Submit(Message, frozen=True):
    """Client: a job and the facts of its source. `request` is echoed in the answer. `dry_run` only validates. A job
    that is `detached` needs no client once its source is whole."""

    request: int
    job: JobSpec
    size: int
    sha256: str
    name: str
    dry_run: bool = False
    detached: bool = False
    paths: Paths = NO_PATHS

    def __post_init__(self) -> None:
        check(self.size >= 0, "a size is not negative")
        longest = max(len(self.paths.source), len(self.paths.result))
        check(longest <= LONGEST_PATH, f"a path has at most {LONGEST_PATH} characters")
        check(len(self.name) <= LONGEST_NAME, f"a film's name has at most {LONGEST_NAME} characters")
        _check_sha256(self.sha256)


class Accepted(Message, frozen=True):
    """Coordinator: the job is good; send the source from byte `offset` (equal to its size: it is here already).
    `notes` are sentences on what will be made of it."""

    request: int
    job_id: str
    offset: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(self.offset >= 0, "an offset is not negative")


class FileWanted(Message, frozen=True):
    """Coordinator, of a job that a client submitted, and worker, of a lease: send me the file of this SHA-256."""

    sha256: str

    def __post_init__(self) -> None:
        _check_sha256(self.sha256)


class FileBlock(Message, frozen=True):
    """The answer to that: at most 1 MiB of the file, in order, as payload."""

    bulk: ClassVar[bool] = True
    sha256: str
    offset: int

    def __post_init__(self) -> None:
        check(self.offset >= 0, "an offset is not negative")
        _check_sha256(self.sha256)


class UploadBlock(Message, frozen=True):
    """Client: at most 1 MiB of the source, as payload."""

    bulk: ClassVar[bool] = True
    job_id: str
    offset: int
    crc32: int

    def __post_init__(self) -> None:
        check_job_id(self.job_id)
        check(self.offset >= 0, "an offset is not negative")


class Received(Message, frozen=True):
    """Coordinator: the source is kept up to byte `offset`. A bad block is answered with the offset to go on from."""

    job_id: str
    offset: int

    def __post_init__(self) -> None:
        check(self.offset >= 0, "an offset is not negative")


class Wanted(Message, frozen=True):
    """Coordinator: send these bytes of the source next, and then go on in order; they come in their turn as well. A
    client may pass it over."""

    job_id: str
    offset: int
    size: int

    def __post_init__(self) -> None:
        check(self.offset >= 0, "an offset is not negative")
        check(self.size > 0, "nothing is not wanted")


class Watch(Message, frozen=True):
    """Client: tell me of this job from now on, and with `received` what is missing of its source. Whoever submits a job
    watches it already."""

    job_id: str

    def __post_init__(self) -> None:
        check_job_id(self.job_id)


class Progress(Message, frozen=True):
    """Coordinator, a few times a second: `frames_total` is 0 while unknown; `waiting` says why nothing moves."""

    job_id: str
    state: JobState
    frames_done: int
    frames_total: int
    fps: float
    waiting: str = ""


class Finished(Message, frozen=True):
    """Coordinator: the job ended. `metrics` is the result's JSON; `code` and `message` say what failed, if it did."""

    job_id: str
    state: JobState
    size: int
    sha256: str
    metrics: Mapping[str, Any]
    code: str = ""
    message: str = ""


class Fetch(Message, frozen=True):
    """Client: send me the result from byte `offset`."""

    job_id: str
    offset: int

    def __post_init__(self) -> None:
        check_job_id(self.job_id)
        check(self.offset >= 0, "an offset is not negative")


class DownloadBlock(Message, frozen=True):
    """Coordinator: at most 1 MiB of the result, as payload."""

    bulk: ClassVar[bool] = True
    job_id: str
    offset: int
    crc32: int

    def __post_init__(self) -> None:
        check(self.offset >= 0, "an offset is not negative")


class Cancel(Message, frozen=True):
    """Client: stop this job. One that has ended stays as it is."""

    job_id: str

    def __post_init__(self) -> None:
        check_job_id(self.job_id)


class Fetched(Message, frozen=True):
    """Client: the result of this job has come, whole and unharmed; others that nobody has may be kept for longer."""

    job_id: str

    def __post_init__(self) -> None:
        check_job_id(self.job_id)


# Worker daemons


class Lease(Message, frozen=True):
    """Coordinator: work for one slot. `size` bytes of packet records follow in lease blocks. `attempt` is for the
    worker's log alone: which attempt at the chunk this is, 0 if that is not said."""

    lease_id: int
    slot: int
    kind_of_work: LeaseKind
    task: ChunkTask
    size: int
    attempt: int = 0

    def __post_init__(self) -> None:
        check(self.size >= 0, "a size is not negative")


class LeaseBlock(Message, frozen=True):
    """Coordinator: at most 1 MiB of a lease's packet records, in order, as payload."""

    bulk: ClassVar[bool] = True
    lease_id: int


class Revoke(Message, frozen=True):
    """Coordinator: stop working on this lease; no answer is wanted, and its result is not kept."""

    lease_id: int


class Heartbeat(Message, frozen=True):
    """Worker, a few times a second when busy: frames finished by lease. `rate_limit`, where it is given, holds from now
    on: frames/s, 0 for none. Now and then also what the daemon and its slots take of their machine: `cpu_percent` of
    one core, and `memory_mb` that are resident."""

    frames: Mapping[int, int]
    rate_limit: float | None = None
    cpu_percent: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate_limit", "cpu_percent", "memory_mb"):
            value = getattr(self, name)
            check(value is None or 0 <= value < float("inf"), f"{name} is a number from 0 on")


class Result(Message, frozen=True):
    """Worker: a lease is done. `size` bytes of encoded packet records, of this SHA-256, follow in result blocks."""

    lease_id: int
    size: int
    sha256: str
    report: ChunkReport

    def __post_init__(self) -> None:
        check(self.size >= 0, "a size is not negative")
        _check_sha256(self.sha256)


class ResultBlock(Message, frozen=True):
    """Worker: at most 1 MiB of a result, in order, as payload."""

    bulk: ClassVar[bool] = True
    lease_id: int


class Failed(Message, frozen=True):
    """Worker: a lease could not be done. `frame` is the rank in hand, -1 if none; `slot_lost` if its process died;
    `call` is what it was in the middle of, if that was a filter's."""

    lease_id: int
    code: str
    message: str
    frame: int = -1
    slot_lost: bool = False
    call: FilterCall | None = None


class Committed(Message, frozen=True):
    """Coordinator: the result of this lease is kept; the worker may forget it."""

    lease_id: int


class Drain(Message, frozen=True):
    """Worker: give me no more leases; I leave when the ones I have are done and committed. Coordinator: do so."""
