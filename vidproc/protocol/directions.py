"""Who may send what once a connection is open."""

from __future__ import annotations

from collections.abc import Mapping

from vidproc.protocol.job_messages import (
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
    Cancel,
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
    Heartbeat,
    Lease,
    LeaseBlock,
    Message,
    Ping,
    Pong,
    Progress,
    Received,
    Result,
    ResultBlock,
    Revoke,
    Submit,
    UploadBlock,
    Wanted,
    Watch,
)
from vidproc.protocol.party import COORDINATOR
from vidproc.protocol.status_messages import GetStatus, Status

Kinds = frozenset[type[Message]]

_EITHER: Kinds = frozenset({Error, Ping, Pong})
_ASKED: Kinds = frozenset({ListJobs, Describe, ListAttempts, Rerun, Remove, GetStatus})
_TOLD: Kinds = frozenset({Jobs, Description, Attempts, Removed, Status})

FROM_PEER: Mapping[str, Kinds] = {
    "client": _EITHER | _ASKED | {Submit, FileBlock, UploadBlock, Watch, Fetch, Fetched, Cancel},
    "worker": _EITHER | {FileWanted, Heartbeat, Result, ResultBlock, Failed, Drain},
}
"""What a peer of each role may send to the coordinator."""

TO_PEER: Mapping[str, Kinds] = {
    "client": _EITHER | _TOLD | {FileWanted, Accepted, Received, Wanted, Progress, Finished, DownloadBlock},
    "worker": _EITHER | {Lease, LeaseBlock, FileBlock, Revoke, Committed, Drain},
}
"""What the coordinator may send to a peer of each role."""


def sendable(sender: str, receiver: str) -> Kinds:
    """The kinds of message that may go from one role to another."""
    return TO_PEER[receiver] if sender == COORDINATOR else FROM_PEER[sender]
