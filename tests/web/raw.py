"""HTTP by the byte, for requests that no client would make."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.end_to_end.programs import LIMIT_S, Cluster


@contextlib.contextmanager
def connected(site: Cluster, buffer: int = 0) -> Iterator[socket.socket]:
    """A socket to the pages; whatever it waits for comes within the limit. `buffer`: bytes that the system takes for
    it, unless that is its own choice."""
    at = urlsplit(site.pages[0])
    assert at.hostname
    assert at.port
    with socket.socket(socket.AF_INET6 if ":" in at.hostname else socket.AF_INET) as made:
        made.settimeout(LIMIT_S)
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.connect((at.hostname, at.port))
        yield made


def request(method: str, target: str, version: str = "1.1", **headers: str) -> bytes:
    """The head of one. Underscores in the names of headers stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {"host": "localhost", **headers}.items()]
    return "\r\n".join([f"{method} {target} HTTP/{version}", *lines, "\r\n"]).encode()


def answered(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer. Status 0: the connection ended without one."""
    file = sock.makefile("rb")
    words = file.readline().split()
    if not words:
        return 0, {}, b""
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    size = headers.get("content-length")
    return int(words[1]), headers, file.read(int(size)) if size is not None else file.read()
