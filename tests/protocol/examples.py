"""Parties, joined connections and random messages for the tests of the protocol."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct

from vidproc.model import Attempt, JobSpec, JobState, JobSummary, LeaseKind, Outcome, Paths
from vidproc.protocol.connection import Connection, Event
from vidproc.protocol.job_messages import (
    PAGE,
    Attempts,
    Describe,
    Description,
    Jobs,
    ListAttempts,
    ListJobs,
    Remove,
    Removed,
    Rerun,
)
from vidproc.protocol.messages import (
    Accepted,
    Ack,
    Cancel,
    Challenge,
    Committed,
    DownloadBlock,
    Drain,
    Error,
    Failed,
    Fetch,
    Fetched,
    FileBlock,
    FileWanted,
    Finished,
    Handshake,
    Heartbeat,
    Lease,
    LeaseBlock,
    Message,
    Ping,
    Pong,
    Progress,
    Proof,
    Received,
    Result,
    ResultBlock,
    Revoke,
    Submit,
    UploadBlock,
    Wanted,
    Watch,
)
from vidproc.protocol.party import Party
from vidproc.protocol.status_messages import GetStatus, Status
from vidproc.status import JobBrief, WorkerNow

VERSIONS = {"vidproc": "1.2.3", "numpy": "2.0.0"}
PEER_NONCE, COORDINATOR_NONCE = b"p" * 32, b"c" * 32


def party(role: str, token: bytes | None = None, **changes: Any) -> Party:
    return Party(**{"role": role, "name": f"the {role}", "versions": VERSIONS, "token": token, **changes})


def ends(role: str = "client", token: bytes | None = None) -> tuple[Connection, Connection]:
    """A peer's end and the coordinator's, with nothing exchanged yet."""
    return Connection(party(role, token), PEER_NONCE), Connection(party("coordinator", token), COORDINATOR_NONCE)


def pending(connection: Connection) -> bytes:
    return b"".join(connection.data_to_send())


def converse(peer: Connection, coordinator: Connection) -> tuple[list[Event], list[Event]]:
    """Carry automatic answers to and fro until there are none; what each end made of them."""
    at_peer: list[Event] = []
    at_coordinator: list[Event] = []
    while True:
        there, back = pending(peer), pending(coordinator)
        if not there and not back:
            return at_peer, at_coordinator
        at_coordinator += coordinator.receive_data(there)
        at_peer += peer.receive_data(back)


def opened(role: str = "client", token: bytes | None = None) -> tuple[Connection, Connection]:
    peer, coordinator = ends(role, token)
    converse(peer, coordinator)
    return peer, coordinator


_numbers = st.integers(-(2**63), 2**64 - 1)
_sizes = st.integers(0, 2**63)
_floats = st.floats(allow_nan=False)
_texts = st.text(max_size=20)
_names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
_hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
_plain = st.recursive(
    st.none() | st.booleans() | _numbers | _floats | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)

_BY_FIELD: Mapping[type[Message], Mapping[str, st.SearchStrategy[Any]]] = {
    Handshake: {"name": _names, "nonce": st.binary(min_size=32, max_size=32)},
    Challenge: {"nonce": st.binary(min_size=32, max_size=32)},
    Ack: {"name": _names, "heartbeat_s": st.floats(0.1, 1), "silence_s": st.floats(2, 60)},
    Submit: {"size": _sizes, "sha256": _hashes},
    FileWanted: {"sha256": _hashes},
    FileBlock: {"sha256": _hashes, "offset": _sizes},
    Accepted: {"offset": _sizes},
    Heartbeat: dict.fromkeys(("rate_limit", "cpu_percent", "memory_mb"), st.none() | st.floats(0, 1e9)),
    UploadBlock: {"offset": _sizes},
    Received: {"offset": _sizes},
    Wanted: {"offset": _sizes, "size": st.integers(1, 2**63)},
    Fetch: {"offset": _sizes},
    DownloadBlock: {"offset": _sizes},
    Lease: {"size": _sizes},
    Result: {"size": _sizes, "sha256": _hashes},
    Error: {"job_id": st.text(min_size=1, max_size=20)},
    ListJobs: {"limit": st.integers(1, PAGE)},
    ListAttempts: {"offset": st.integers(0, 2**31 - 1)},
}
"""What the fields' types don't say: the values that a message refuses when it is made."""


_SCALARS: Mapping[Any, st.SearchStrategy[Any]] = {
    int: _numbers,
    float: _floats,
    str: _texts,
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    type(None): st.none(),
    Fraction: st.fractions(-1000, 1000, max_denominator=2**30),
    Any: _plain,
}


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a field of this type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _objects(kind)
    if origin is tuple and inner[-1] is not Ellipsis:
        return st.tuples(*map(_values, inner))
    if origin is tuple:
        return st.lists(_values(inner[0]), max_size=3).map(tuple)
    if origin is types.UnionType:
        return st.one_of([_values(choice) for choice in inner])
    if origin is not None:
        return st.dictionaries(_values(inner[0]), _values(inner[1]), max_size=3)
    return st.sampled_from(kind)


def _objects(kind: Any) -> st.SearchStrategy[Any]:
    given = {name: _values(hint) for name, hint in typing.get_type_hints(kind).items() if not _is_class_var(hint)}
    return st.builds(kind, **{**given, **_BY_FIELD.get(kind, {})})


def _is_class_var(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.ClassVar


def messages(*kinds: type[Message]) -> st.SearchStrategy[Message]:
    """Any message of these kinds, or of all."""
    return st.one_of([_objects(kind) for kind in (kinds or tuple(Message.registry.values()))])


SUMMARY = JobSummary("j", JobState.RUNNING, "in.mp4", ("blur",), "mp4", 1.5e9, None, 3, 60, 1000)
ATTEMPT = Attempt(LeaseKind.CHUNK, 0, 1, "w", 0, 1.5e9, None, Outcome.RUNNING)
WORKER = WorkerNow("w", 4, 3, False, 30.5, 900, 310.0, 640.0, 0.0, {"vidproc": "1"}, 1.5e9)
BRIEF = JobBrief("j", JobState.RUNNING, "in.mp4", 3, 60, 30.0, 1.9, "", 3)

ONE_OF_EACH: tuple[Message, ...] = (
    Ping(),
    Pong(),
    Proof(b"x"),
    FileWanted("0" * 64),
    FileBlock("0" * 64, 0),
    Accepted(1, "j", 0),
    UploadBlock("j", 0, 0),
    Received("j", 5),
    Wanted("j", 900, 100),
    Watch("j"),
    Progress("j", JobState.RUNNING, 1, 2, 3.0),
    Finished("j", JobState.DONE, 1, "", {"frames_in": 3}),
    Fetch("j", 0),
    DownloadBlock("j", 0, 0),
    Cancel("j"),
    Fetched("j"),
    ListJobs(1),
    Jobs(1, (SUMMARY,), False),
    Describe(1, "j"),
    Description(1, SUMMARY, JobSpec(()), "0" * 64, "", Paths("/in.mp4"), "/folder"),
    ListAttempts(1, "j"),
    Attempts(1, (ATTEMPT,), 1),
    Rerun(1, "j"),
    Remove(1, "j"),
    Removed(1, "j"),
    GetStatus(1),
    Status(1, 60.0, 4, 3, 30.5, 7, (WORKER,), 1, (BRIEF,), 1),
    LeaseBlock(1),
    Revoke(1),
    Heartbeat({1: 5}),
    ResultBlock(1),
    Failed(1, "filter", "it raised"),
    Committed(1),
    Drain(),
)
