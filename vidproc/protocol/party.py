"""Who stands at one end of a connection, and the proof that it holds the token.

Both ends prove it, each to the other, over two random nonces, one of either side, so that a proof overheard once is
worth nothing in another connection and a coordinator that lacks the token gets no film. The token itself never travels.
Whoever speaks to the coordinator gets a proof to guess tokens against at leisure, so a token must be random and long.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from vidproc.errors import ClientError
from vidproc.protocol.shape import Limits

COORDINATOR = "coordinator"
PEER_ROLES = ("client", "worker")
NONCE_BYTES = 32

_LABEL = b"vidproc token proof 1"


class Party(Struct, frozen=True):
    """One end: what it says of itself in the handshake, its token, and what it takes.

    role: "client", "worker" or "coordinator". versions: by component, "vidproc" at least. A silence of `silence_s`
    seconds is the end of a connection and a ping is sent after `heartbeat_s` seconds in which nothing else was; the
    coordinator's two values hold for both sides. Raises `ClientError` for values that the other end would refuse.
    """

    role: str
    name: str
    versions: Mapping[str, str]
    token: bytes | None = None
    capabilities: Mapping[str, Any] = {}
    heartbeat_s: float = 2.0
    silence_s: float = 8.0
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if self.role not in (COORDINATOR, *PEER_ROLES):
            raise ValueError(f"unknown role {self.role!r}")
        if self.token is not None and not self.token:
            raise ClientError("the token is empty, which protects nothing")
        if len(self.name) > 255 or not self.name.isprintable():
            raise ClientError(f"a name is one line of at most 255 characters, not {self.name!r:.80}")
        if not 0 < self.heartbeat_s < self.silence_s < 86400:
            raise ClientError(
                f"heartbeats every {self.heartbeat_s:g} s and silence after {self.silence_s:g} s don't go together: "
                "the first must be positive and the smaller one, the second under a day"
            )

    def __repr__(self) -> str:
        return f"Party({self.role!r}, {self.name!r})"  # whatever is shown, the token is not


class Opened(Struct, frozen=True):
    """The other end has proved itself and the connection is open. The times are those that hold on it, in seconds."""

    role: str
    name: str
    versions: Mapping[str, str]
    capabilities: Mapping[str, Any]
    heartbeat_s: float
    silence_s: float


def prove(token: bytes, role: str, nonce_peer: bytes, nonce_coordinator: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) keyed with the token, of the label, the prover's role and both nonces of 32 bytes."""
    text = b"\0".join((_LABEL, role.encode(), nonce_peer + nonce_coordinator))
    return hmac.digest(token, text, hashlib.sha256)


def proves(proof: bytes, token: bytes, role: str, nonce_peer: bytes, nonce_coordinator: bytes) -> bool:
    """Whether `proof` is what a holder of the token would have sent; the time taken does not tell how near it was."""
    return hmac.compare_digest(proof, prove(token, role, nonce_peer, nonce_coordinator))
