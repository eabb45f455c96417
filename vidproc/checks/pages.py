"""What a coordinator's pages tell of it: whether it can do a job, and what time it has."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from vidproc.checks.finding import Finding, Level, ok, warning
from vidproc.checks.network import free_port, hosts_of

_LIMIT_S = 3.0
_MOST = 65536
_FAR_S = 5.0
"""Beyond this two clocks tell different times: HTTP's has whole seconds, and an answer takes a moment."""


@dataclass(frozen=True, slots=True)
class Health:
    """Parts of a coordinator with `name`, `ready` and `reason`, and by how many seconds its clock is ahead of ours."""

    components: tuple[Mapping[str, Any], ...]
    ahead_s: float


def pages_here(bind: str, port: int) -> Iterator[Finding]:
    """The port is a coordinator's, or free. Another program there is no fault: jobs are done without pages."""
    for host in hosts_of(bind) if port else ():
        if health := asked(host, port):
            yield from _told(f"preview port {port}", health)
            return
    for each in free_port(f"preview port {port}", bind, port, "give another --preview-port, or off"):
        yield warning(each.subject, each.said, each.advice) if each.level is Level.PROBLEM else each


def pages_there(host: str, port: int) -> Iterator[Finding]:
    """Of a coordinator elsewhere; it may have none, or keep them to itself."""
    subject = f"pages at {host}, port {port}"
    if health := asked(host, port):
        yield from _told(subject, health)
        yield _clocks(health.ahead_s)
    else:
        yield ok(subject, "none, and nobody needs them")


def asked(host: str, port: int) -> Health | None:
    """None where nobody answers as a coordinator does."""
    connection = http.client.HTTPConnection(host, port, timeout=_LIMIT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        told = json.loads(answer.read(_MOST))
        there = parsedate_to_datetime(answer.headers["date"]).timestamp()
        components = tuple({name: part[name] for name in ("name", "ready", "reason")} for part in told["components"])
        return Health(components, there - time.time())
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError):
        return None
    finally:
        connection.close()


def _told(subject: str, health: Health) -> Iterator[Finding]:
    yield ok(subject, "a coordinator's pages answer")
    for part in health.components:
        name, reason = f"coordinator's {part['name']}", str(part["reason"])
        yield ok(name, reason) if part["ready"] else warning(name, reason, "no job ends before this is mended")


def _clocks(ahead_s: float) -> Finding:
    if abs(ahead_s) > _FAR_S:
        said = f"the coordinator's is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
        return warning("clocks", said, "have both set by the network, or logs and figures can't be laid side by side")
    return ok("clocks", "the coordinator's and this machine's tell the same time")
