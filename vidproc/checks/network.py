"""Whether a coordinator answers where one is looked for, over each family of addresses, and else whether one could
listen there."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidproc._version import __version__
from vidproc.checks import places
from vidproc.checks.finding import Finding, ok, problem, warning
from vidproc.client.endpoint import Endpoint
from vidproc.errors import AuthenticationError, ClientError, UnreachableError, VersionError, VidprocError, one_line
from vidproc.transport.address import Address
from vidproc.transport.connect import IPV4, IPV6, connect
from vidproc.transport.listen import listen

_LIMIT_S = 3.0
_FAMILIES = {"IPv6": IPV6, "IPv4": IPV4}


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is there: `version` of a coordinator, else what went wrong. `silent`: nobody."""

    version: str = ""
    error: str = ""
    silent: bool = False


def ask(address: Address, token: bytes | None, family: socket.AddressFamily = socket.AF_UNSPEC) -> Answer:
    """Open a session as a client does, and close it."""
    return asyncio.run(_ask(address, token, family))


async def _ask(address: Address, token: bytes | None, family: socket.AddressFamily) -> Answer:
    try:
        async with asyncio.timeout(2 * _LIMIT_S):
            party = Endpoint(address, token).party()
            async with await connect(address, party, family=family, timeout_s=_LIMIT_S) as session:
                return Answer(version=session.peer.versions.get("vidproc", "unknown"))
    except UnreachableError as error:
        return Answer(error=one_line(str(error)), silent=True)
    except (AuthenticationError, VersionError) as error:
        return Answer(error=f"a coordinator is there, but {one_line(str(error))}")
    except VidprocError as error:
        return Answer(error=f"whoever is there is no coordinator: {one_line(str(error))}")
    except TimeoutError:
        return Answer(error="whoever is there is no coordinator: it says nothing")


def _there(subject: str, version: str) -> Finding:
    said = f"a coordinator answers, of vidproc {version}"
    if version.partition(".")[0] != __version__.partition(".")[0]:
        return problem(subject, f"{said}; this is {__version__}", "install the same vidproc on both")
    return ok(subject, said)


def coordinator_at(host: str, port: int, token: bytes | None, families: Sequence[str]) -> Iterator[Finding]:
    """A coordinator elsewhere: one family is enough."""
    address = Address.tcp(host, port)
    fitting = [name for name in families if _may_be(host, name)] or families
    answers = {name: ask(address, token, _FAMILIES[name]) for name in fitting}
    reached = any(each.version for each in answers.values())
    for name, answer in answers.items():
        subject = f"{address} by {name}"
        if answer.version:
            yield _there(subject, answer.version)
        elif reached and answer.silent:
            yield ok(subject, "nobody answers, and nobody needs to")
        elif answer.silent:
            advice = f"see that it runs, listens beyond loopback (--bind ::) and that port {port} is let through"
            yield problem(subject, answer.error, advice, UnreachableError.exit_code)
        else:
            yield problem(subject, answer.error, "give the port and the --token-file of your coordinator")


def _may_be(host: str, family: str) -> bool:
    """A name may have addresses of both families; an address is of one."""
    try:
        return f"IPv{ipaddress.ip_address(host).version}" == family
    except ValueError:
        return True


def own_port(bind: str, port: int, token: bytes | None) -> Iterator[Finding]:
    """The port that a coordinator here has, or would have."""
    answers = {host: ask(Address.tcp(host, port), token) for host in hosts_of(bind)} if port else {}
    if all(each.silent for each in answers.values()):
        yield from free_port(f"port {port}", bind, port, "give another --port, or stop the program that has it")
        return
    for host, answer in answers.items():
        subject = str(Address.tcp(host, port))
        if answer.version:
            yield _there(subject, answer.version)
        elif not answer.silent:
            yield problem(subject, answer.error, "stop that program, give another --port, or the right --token-file")
        elif _has(host):
            yield warning(subject, "nobody answers, while one does beside it", "give the coordinator --bind localhost")


def free_port(subject: str, bind: str, port: int, advice: str) -> Iterator[Finding]:
    """Listen there, and stop at once."""
    try:
        listeners = listen([Address.tcp(bind, port)])
    except ClientError as error:
        yield problem(subject, str(error), advice)
        return
    for listener in listeners:
        listener.close()
    hosts = [listener.address.host for listener in listeners]
    lacking = "".join(f"; this machine has no {_family(host)}" for host in hosts_of(bind) if not _has(host))
    yield ok(subject, (f"free on {' and '.join(hosts)}" if port else "the system will choose one") + lacking)


def own_socket(path: str | os.PathLike[str], token: bytes | None) -> Iterator[Finding]:
    with contextlib.suppress(ClientError):  # of a path that can be none, which is told of below
        answer = ask(Address.unix(path), token)
        if answer.version:
            yield _there(f"socket {path}", answer.version)
            return
        if not answer.silent:
            yield problem(f"socket {path}", answer.error, "stop that program, or give another --unix-socket")
            return
    yield from places.socket_path(path)


def hosts_of(bind: str) -> Sequence[str]:
    """Where to look on this machine for what listens so."""
    return ("::1", "127.0.0.1") if bind in ("localhost", "::") else (bind,)


def _family(host: str) -> str:
    return "IPv6" if ":" in host else "IPv4"


def _has(host: str) -> bool:
    """Whether the machine has this address, and so its family."""
    try:
        with socket.socket(IPV6 if ":" in host else IPV4) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
