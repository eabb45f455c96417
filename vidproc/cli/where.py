"""From options to the coordinator's address."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from vidproc.client.endpoint import Endpoint
from vidproc.errors import ClientError
from vidproc.transport.address import Address


def endpoint(given: argparse.Namespace) -> Endpoint:
    """Raises `ClientError` when the options contradict each other."""
    if given.unix_socket and (given.host or given.port is not None or given.ipv4 or given.ipv6):
        raise ClientError("give --unix-socket, or --host and --port with --ipv4 or --ipv6, not both")
    family = "ipv4" if given.ipv4 else "ipv6" if given.ipv6 else ""
    if given.unix_socket:
        address = Address.unix(given.unix_socket)
    else:
        address = Address.tcp(given.host or "localhost", 9090 if given.port is None else given.port)
    return Endpoint(address, _token(given.token_file) if given.token_file else None, family)


def as_options(given: argparse.Namespace) -> str:
    """The same address for another program's command line; each option with a space before it."""
    said = [("--host", given.host), ("--port", given.port), ("--unix-socket", given.unix_socket)]
    said += [("--token-file", given.token_file)]
    words = [f" {option} {shlex.quote(str(value))}" for option, value in said if value is not None]
    return "".join([*words, " --ipv4" if given.ipv4 else "", " --ipv6" if given.ipv6 else ""])


def _token(file: str) -> bytes:
    from vidproc.config import read_token  # takes time to import, and most clients have no token

    return read_token(Path(file))
