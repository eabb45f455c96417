"""How a connection opens, seen from either side.

    peer                         coordinator
      | -- handshake (its nonce) -->  |
      | <-- challenge (nonce, proof)  |   only when the coordinator has a token
      | -- proof ------------------>  |
      | <-- ack --------------------- |

A side that will not go on sends `error` in place of its next message. A peer that has a token does not go on with a
coordinator that doesn't ask for one: whoever answers on that address would get the film.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from vidproc.errors import AuthenticationError, PeerError, UnreachableError, VersionError, one_line
from vidproc.protocol.messages import VERSION, Ack, Challenge, Handshake, Message, Proof
from vidproc.protocol.party import COORDINATOR, PEER_ROLES, Opened, Party, prove, proves

Admits = Callable[[str], str]
"""Asked of a peer's role when all else is well: why it may not come in, or nothing."""


def admits_all(role: str) -> str:
    return ""


class Opening(Protocol):
    """One side's part in it. `receive` answers with what to send, and with `Opened` once the connection is open."""

    def first(self) -> list[Message]: ...

    def receive(self, message: Message) -> tuple[list[Message], Opened | None]: ...


def opening_for(party: Party, nonce: bytes, admits: Admits = admits_all) -> Opening:
    return CoordinatorOpening(party, nonce, admits) if party.role == COORDINATOR else PeerOpening(party, nonce)


def check_version(header: Mapping[Any, Any]) -> None:
    """Raise `VersionError` if a header says another version of the protocol, whose fields we may not know."""
    version = header.get("version")
    if header.get("type") in (Handshake.kind, Ack.kind) and isinstance(version, int) and version != VERSION:
        raise VersionError(
            f"one side speaks version {VERSION} of the protocol, the other version {version}: "
            "install the same vidproc on both"
        )


class PeerOpening:
    """The side that dials."""

    def __init__(self, party: Party, nonce: bytes) -> None:
        self._party = party
        self._nonce = nonce
        self._trusted = party.token is None

    def first(self) -> list[Message]:
        me = self._party
        return [Handshake(VERSION, me.role, me.name, me.versions, self._nonce, me.capabilities)]

    def receive(self, message: Message) -> tuple[list[Message], Opened | None]:
        match message:
            case Challenge():
                return [self._answer(message)], None
            case Ack():
                return [], self._opened(message)
            case _:
                raise PeerError(f"the coordinator sent {message.kind} before the connection was open")

    def _answer(self, challenge: Challenge) -> Proof:
        token = self._party.token
        if token is None:
            raise AuthenticationError("the coordinator asks for a token: give the file that holds it with --token-file")
        if not proves(challenge.proof, token, COORDINATOR, self._nonce, challenge.nonce):
            raise AuthenticationError("the coordinator holds another token: use the same --token-file on both sides")
        self._trusted = True
        return Proof(prove(token, self._party.role, self._nonce, challenge.nonce))

    def _opened(self, ack: Ack) -> Opened:
        if not self._trusted:
            raise AuthenticationError(
                "the coordinator did not ask for the token, so it may be anyone's: start it with the same --token-file"
            )
        return Opened(COORDINATOR, ack.name, ack.versions, {}, ack.heartbeat_s, ack.silence_s)


class CoordinatorOpening:
    """The side that is dialled."""

    def __init__(self, party: Party, nonce: bytes, admits: Admits) -> None:
        self._party = party
        self._nonce = nonce
        self._admits = admits
        self._peer: Handshake | None = None

    def first(self) -> list[Message]:
        return []

    def receive(self, message: Message) -> tuple[list[Message], Opened | None]:
        match message:
            case Handshake() if self._peer is None:
                return self._meet(message)
            case Proof() if self._peer is not None:
                return self._verify(self._peer, message)
            case _:
                raise PeerError(f"{message.kind} came where the opening of a connection has no place for it")

    def _meet(self, peer: Handshake) -> tuple[list[Message], Opened | None]:
        _check_peer(peer, self._party)
        self._peer = peer
        token = self._party.token
        if token is None:
            return self._open(peer)
        return [Challenge(self._nonce, prove(token, COORDINATOR, peer.nonce, self._nonce))], None

    def _verify(self, peer: Handshake, message: Proof) -> tuple[list[Message], Opened | None]:
        token = self._party.token
        if token is None or not proves(message.proof, token, peer.role, peer.nonce, self._nonce):
            raise AuthenticationError("the token is wrong: use the same --token-file on both sides")
        return self._open(peer)

    def _open(self, peer: Handshake) -> tuple[list[Message], Opened | None]:
        if why := self._admits(peer.role):
            raise UnreachableError(why)
        me = self._party
        ack = Ack(VERSION, me.name, me.versions, me.heartbeat_s, me.silence_s)
        return [ack], Opened(peer.role, peer.name, peer.versions, peer.capabilities, me.heartbeat_s, me.silence_s)


def _check_peer(peer: Handshake, me: Party) -> None:
    if peer.role not in PEER_ROLES:
        raise PeerError(f"a peer is one of {', '.join(PEER_ROLES)}, not {peer.role!r}")
    theirs, ours = one_line(peer.versions.get("vidproc", "none")), me.versions.get("vidproc", "none")
    if peer.role == "worker" and _major(theirs) != _major(ours):
        raise VersionError(f"the worker is vidproc {theirs}, the coordinator vidproc {ours}: install the same on both")


def _major(version: str) -> str:
    return version.partition(".")[0]
