"""Who may come in: those who hold the token, under a name that is ours, and not from the page of somebody else.

A page on another site can make a visitor's browser send requests here. Two rules stop it: the name in `Host` must be
one that we have, or such a page could point its own name at this address (DNS rebinding); and a request that changes
something must not come from another origin (`Sec-Fetch-Site`, or `Origin` where a browser lacks it).

The token comes as `Authorization: Bearer TOKEN` from scripts, and as the password of `Basic` from browsers, under any
user's name: those ask for it by themselves, and send it along with pictures and events as well.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidproc.web.problems import problem
from vidproc.web.targets import in_origin_form

_OPEN = frozenset({"/healthz", "/readyz"})
"""For those who look after machines; they tell no secrets."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:"),
)


class Reception:
    """Around the whole app. `token` None lets everybody in; `hosts` are names that are ours beside addresses."""

    def __init__(self, app: ASGIApp, token: bytes | None, hosts: Collection[str]) -> None:
        self._app = app
        self._token = token
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope = in_origin_form(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        answer = self._refusal(scope, Headers(scope=scope))
        await (answer or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._is_ours(headers.get("host", "")):
            return problem(421, "this host is not known here by that name: give its address, or the host's own name")
        if scope["method"] not in _SAFE and not _same_origin(headers):
            return problem(403, "this comes from a page of another site")
        if self._token is not None and scope["path"] not in _OPEN and not self._holds_token(headers):
            answer = problem(401, "the coordinator's token is wanted: as the password, or as a bearer token")
            answer.headers["www-authenticate"] = 'Basic realm="vidproc: any name, and the token", charset="UTF-8"'
            return answer
        return None

    def _is_ours(self, host: str) -> bool:
        name = _without_port(host).lower()
        return name in self._hosts or _is_address(name)

    def _holds_token(self, headers: Headers) -> bool:
        assert self._token is not None
        return hmac.compare_digest(_given(headers.get("authorization", "")), self._token)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _same_origin(headers: Headers) -> bool:
    """Programs that are no browsers send neither header."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _given(authorization: str) -> bytes:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode(errors="surrogateescape")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except ValueError:  # no base64, or not even ASCII
            return b""
    return b""
