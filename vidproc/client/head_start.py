"""The first words to a coordinator, said by plain calls before asyncio is imported.

That import takes as long as a twentieth of a short job. The coordinator can read the source's header meanwhile.

Whatever goes wrong here is left alone: the usual way, which says in words what is wrong and tries all addresses, is
still to be gone then.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Iterator

from msgspec import Struct

from vidproc.client.endpoint import Endpoint
from vidproc.client.films import Source
from vidproc.errors import VidprocError
from vidproc.model import NO_PATHS, JobSpec, Paths
from vidproc.protocol.connection import Connection
from vidproc.protocol.messages import Submit
from vidproc.protocol.party import NONCE_BYTES
from vidproc.transport.address import Address

_PATIENCE_S = 0.5
_READ = 4096


class HeadStart(Struct):
    """A connection that is open, and over which a job was submitted; the answer is still to be read."""

    sock: socket.socket
    connection: Connection


def submission(spec: JobSpec, source: Source, detached: bool = False, paths: Paths = NO_PATHS) -> Submit:
    return Submit(1, spec, source.size, source.sha256, source.name, detached=detached, paths=paths)


def submit(endpoint: Endpoint, submission: Submit) -> HeadStart | None:
    """Submit a job to a coordinator on this machine, if it answers at once."""
    for family, place in _places(endpoint.address, endpoint.family):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, VidprocError, UnicodeEncodeError):
            sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.settimeout(_PATIENCE_S)
            sock.connect(place)
            connection = Connection(endpoint.party(), secrets.token_bytes(NONCE_BYTES))
            _open(sock, connection)
            sock.sendall(b"".join(connection.send(submission)))
            sock.setblocking(False)
            stack.pop_all()
            return HeadStart(sock, connection)
    return None


def _places(address: Address, family: str) -> Iterator[tuple[int, str | tuple[str, int]]]:
    """Where to try: no name is looked up, and nothing that may be far away is waited for."""
    if address.scheme == "unix":
        yield socket.AF_UNIX, address.path
    elif address.host == "localhost":
        if family != "ipv4":
            yield socket.AF_INET6, ("::1", address.port)
        if family != "ipv6":
            yield socket.AF_INET, ("127.0.0.1", address.port)


def _open(sock: socket.socket, connection: Connection) -> None:
    """Go through the handshake. Raises `OSError`, also where the other side closes, and `VidprocError`."""
    while connection.peer is None:
        sock.sendall(b"".join(connection.data_to_send()))
        data = sock.recv(_READ)
        if not data:
            raise ConnectionResetError
        for _ in connection.receive_data(data):
            pass
