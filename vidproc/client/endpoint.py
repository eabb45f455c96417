"""Where a coordinator is, and how a client introduces itself there."""

from __future__ import annotations

import os

from msgspec import Struct

from vidproc._version import __version__
from vidproc.protocol.party import Party
from vidproc.transport.address import Address


class Endpoint(Struct, frozen=True):
    """Where the coordinator is and how to be let in. `family`: "ipv4", "ipv6", or "" for either."""

    address: Address
    token: bytes | None = None
    family: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({str(self.address)!r})"  # whatever is shown, the token is not

    def party(self) -> Party:
        """This process, as a client of that coordinator."""
        return Party("client", f"process {os.getpid()}", {"vidproc": __version__}, self.token)
