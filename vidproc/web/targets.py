"""Requests whose target is a whole address, `GET http://host:port/path HTTP/1.1`, as proxies are sent: every server has
to understand them too, and goes by the host in them and not by `Host` (RFC 9112, 3.2.2)."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import Scope

_SCHEMES = (b"http", b"https")


def in_origin_form(scope: Scope) -> Scope:
    """The same request with the path alone as its target, and that host."""
    scheme, separator, rest = scope["raw_path"].partition(b"://")
    if not separator or scheme.lower() not in _SCHEMES:
        return scope
    host, _, path = rest.partition(b"/")
    path = b"/" + path
    headers = [(b"host", host), *(each for each in scope["headers"] if each[0] != b"host")]
    return {**scope, "raw_path": path, "path": unquote(path.decode()), "headers": headers}
