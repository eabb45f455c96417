"""Who may connect: how many connections there may be in all and of one peer, and how fast a peer may open new ones.

A peer is whatever one person can hardly have many of: an IPv4 address, the 64 bits of an IPv6 network (a host picks the
other half as it likes), or the user behind an AF_UNIX socket. It may open as many connections at once as it may have,
and after that so many a second.

An eighth of all places, and of each peer's, clients can't have: a worker that comes back, which jobs wait for, finds
one. Who is a client is known at the end of the handshake, so until then it may stand in any.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Callable

from msgspec import Struct

from vidproc.quantities import counted

_MOST_PEERS = 4096
"""How many peers without a connection are remembered. Behind more than that, somebody's rate is forgotten."""

_KEPT = "and what is left is kept for workers"


class ConnectionLimits(Struct, frozen=True):
    """`rate` is of new connections of one peer, a second."""

    total: int = 4096
    per_peer: int = 1024
    rate: float = 256.0


class _Peer(Struct):
    """A token bucket, `tokens` full at the moment `at`, and the connections that are open."""

    tokens: float
    at: float
    connections: int = 0
    clients: int = 0


class Admission:
    """`admit` a connection, `settle` it when its role is known, and `leave` when it has ended. `clock` gives seconds
    and never goes back."""

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._peers: dict[str, _Peer] = {}
        self.connections = 0
        self.clients = 0

    def admit(self, name: str) -> str:
        """Count a new connection of that peer. Where it is one too many nothing is counted, and this says why."""
        limits, peer = self._limits, self._peer(name)
        if self.connections >= limits.total:
            return f"the coordinator has {limits.total} connections already (max_connections): try again later"
        if peer.connections >= limits.per_peer:
            most = f"{limits.per_peer} connections (max_connections_per_peer)"
            return f"{name} has {most} already: close one, or try again later"
        if peer.tokens < 1:
            return f"{name} opens more than {limits.rate:g} connections a second (max_connection_rate): try again later"
        peer.tokens -= 1
        peer.connections += 1
        self.connections += 1
        return ""

    def settle(self, name: str, role: str) -> str:
        """One that was admitted is of that role. Where there is no such place for it, this says why."""
        limits, peer = self._limits, self._peers[name]
        if role != "client":
            return ""
        if self.clients >= (most := _for_clients(limits.total)):
            return f"the coordinator has {counted(most, 'client')} already, {_KEPT} (max_connections): try again later"
        if peer.clients >= (most := _for_clients(limits.per_peer)):
            has = f"{name} has {counted(most, 'client')} here already, {_KEPT}"
            return f"{has} (max_connections_per_peer): close one, or try again later"
        peer.clients += 1
        self.clients += 1
        return ""

    def leave(self, name: str, role: str = "") -> None:
        """`role`: as which it was settled, if it was."""
        peer, client = self._peers[name], role == "client"
        peer.connections -= 1
        peer.clients -= client
        self.connections -= 1
        self.clients -= client

    def _peer(self, name: str) -> _Peer:
        now, most = self._clock(), float(self._limits.per_peer)
        peer = self._peers.pop(name, None) or _Peer(most, now)
        peer.tokens = min(most, peer.tokens + (now - peer.at) * self._limits.rate)
        peer.at = now
        self._peers[name] = peer  # the last in the order of their coming
        self._forget_some()
        return peer

    def _forget_some(self) -> None:
        while len(self._peers) > _MOST_PEERS + self.connections:
            del self._peers[next(name for name, peer in self._peers.items() if not peer.connections)]


def _for_clients(most: int) -> int:
    """Of so many places."""
    return max(1, most - -(-most // 8))


def peer_of(sock: socket.socket, sockaddr: object) -> str:
    """Whose connection this is, for `Admission` and in words."""
    if not isinstance(sockaddr, tuple):
        return f"user {_user(sock)}"
    address = ipaddress.ip_address(sockaddr[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)


def _user(sock: socket.socket) -> str:
    """The number of the user behind an AF_UNIX socket; `?` where the system does not tell, for all of them."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return "?"
    _, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))
    return str(user)
