"""Where a coordinator is to be found, as text and as a value: `tcp://[::1]:9090`, `unix:///run/vidproc.sock`.

The scheme is the place for later ones, such as `tls://`.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import NoReturn

from msgspec import Struct

from vidproc.errors import ClientError

SUN_PATH_BYTES = 107 if sys.platform == "linux" else 103
"""How long the path of an AF_UNIX socket may be: what `sockaddr_un` holds, less the closing NUL."""


class Address(Struct, frozen=True):
    """`host` is a name or a numeric address without brackets, `path` an absolute path; `port` 0 lets listening choose.

    Make one with `parse`, `tcp` or `unix`, which raise `ClientError` naming the value at fault.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def tcp(cls, host: str, port: int) -> Address:
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not host or any(character.isspace() or character in "/[]@\0" for character in host):
            raise ClientError(f"{host!r} is no host: give a name or an address, such as localhost or ::1")
        if not 0 <= port <= 65535:
            raise ClientError(f"{port} is no port: ports are 0 to 65535")
        return cls("tcp", host=host, port=port)

    @classmethod
    def unix(cls, path: str | os.PathLike[str]) -> Address:
        """A relative path is taken from the current folder."""
        absolute = os.path.abspath(path)
        size = len(os.fsencode(absolute))
        if "\0" in absolute or absolute.endswith("/") or not os.fspath(path):
            raise ClientError(f"{os.fspath(path)!r} can't be the path of a socket")
        if size > SUN_PATH_BYTES:
            raise ClientError(f"{absolute} is too long for a socket: {size} bytes, of at most {SUN_PATH_BYTES}")
        return cls("unix", path=absolute)

    @classmethod
    def parse(cls, text: str) -> Address:
        scheme, separator, rest = text.partition("://")
        if separator and scheme == "tcp":
            return cls.tcp(*_host_and_port(text, rest))
        if separator and scheme == "unix" and rest.startswith("/"):
            return cls.unix(rest)
        _refuse(text)

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _host_and_port(text: str, rest: str) -> tuple[str, int]:
    host, _, port = rest.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not (port.isascii() and port.isdigit()) or (":" in host and not bracketed):
        _refuse(text)
    return host, int(port)


def _refuse(text: str) -> NoReturn:
    raise ClientError(f"{text!r} is no address: give tcp://HOST:PORT, tcp://[IPV6]:PORT or unix:///PATH")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`. Any name but `localhost` may lead elsewhere."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
