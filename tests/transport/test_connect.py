from __future__ import annotations

import asyncio
import os
import resource
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.transport.places import SOCKET_KINDS, address, needs_ipv6, party, run, server
from vidproc.errors import ConnectionLostError, PeerError, UnreachableError
from vidproc.transport import connect as module
from vidproc.transport.address import Address
from vidproc.transport.connect import IPV4, IPV6, connect
from vidproc.transport.session import Session, SessionSettings

pytestmark = pytest.mark.process


async def wait_for_end(session: Session) -> None:
    await session.receive()


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@needs_ipv6
@pytest.mark.parametrize(("family", "host"), [(IPV6, "::1"), (IPV4, "127.0.0.1")])
def test_a_family_can_be_chosen(tmp_path: Path, family: socket.AddressFamily, host: str) -> None:
    async def main() -> None:
        peers: list[str] = []

        async def note(session: Session) -> None:
            peers.append(session.address)

        async with server(Address.tcp("localhost", 0), note) as running:
            port = running.listeners[0].address.port
            async with await connect(Address.tcp("localhost", port), party("client"), family=family) as session:
                with pytest.raises(PeerError):
                    await session.receive()
            assert peers[0].startswith("tcp://[::1]:" if host == "::1" else "tcp://127.0.0.1:")

    run(main())


def test_localhost_reaches_a_coordinator_that_has_one_family_only() -> None:
    async def main() -> None:
        async with server(Address.tcp("127.0.0.1", 0), wait_for_end) as running:
            port = running.listeners[0].address.port
            async with await connect(Address.tcp("localhost", port), party("client")):
                pass

    run(main())


@pytest.mark.parametrize("kind", SOCKET_KINDS)
def test_where_nobody_listens_the_message_says_how_to_start_a_coordinator(kind: str, tmp_path: Path) -> None:
    where = address(kind, tmp_path)
    where = where if where.path else Address.tcp(where.host, unused_port())

    async def main() -> None:
        with pytest.raises(UnreachableError, match=r"answers at .* with `vidproc-coordinator --") as caught:
            await connect(where, party("client"))
        assert str(where) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3

    run(main())


@pytest.mark.parametrize("kind", SOCKET_KINDS)
def test_without_descriptors_it_is_not_said_that_nobody_listens(kind: str, tmp_path: Path) -> None:
    where = address(kind, tmp_path)
    where = where if where.path else Address.tcp(where.host, 9)

    async def main() -> None:
        with ExitStack() as undo:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
            with suppress(OSError):
                while True:
                    undo.callback(os.close, os.dup(0))
            with pytest.raises(UnreachableError, match=r"^cannot connect to .*: Too many open files \(ulimit -n\)$"):
                await connect(where, party("client"))

    run(main())


def test_a_numeric_address_has_one_family() -> None:
    async def main() -> None:
        with pytest.raises(UnreachableError, match="has no IPv6 address"):
            await connect(Address.tcp("127.0.0.1", 1), party("client"), family=IPV6)

    run(main())


def test_a_name_goes_to_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def answer(host: str, port: int, **_: Any) -> list[Any]:
            assert host == "film.example"
            return [(IPV4, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        async def refuse(*_: Any, **__: Any) -> list[Any]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async with server(Address.tcp("127.0.0.1", 0), wait_for_end) as running:
            where = Address.tcp("film.example", running.listeners[0].address.port)
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
            async with await connect(where, party("client")):
                pass
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", refuse)
            with pytest.raises(UnreachableError, match="Name or service not known"):
                await connect(where, party("client"))

    run(main())


def test_an_address_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address hangs, the second refuses, the third answers."""
    dial = module._dial
    dialled: list[str] = []

    async def fake(family: int, sockaddr: Any) -> socket.socket:
        dialled.append(sockaddr[0])
        if sockaddr[0] == "hangs":
            await asyncio.Event().wait()
        if sockaddr[0] == "refuses":
            raise ConnectionRefusedError
        return await dial(family, sockaddr)

    async def main() -> None:
        monkeypatch.setattr(module, "_dial", fake)
        monkeypatch.setattr(module, "_STAGGER_S", 0.01)
        async with server(Address.tcp("127.0.0.1", 0), wait_for_end) as running:
            port = running.listeners[0].address.port
            sock = await module._race([(IPV4, (host, port)) for host in ("hangs", "refuses", "127.0.0.1", "later")])
            sock.close()
        assert dialled == ["hangs", "refuses", "127.0.0.1"]

    run(main())


def test_of_two_that_connect_at_once_one_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = asyncio.Barrier(2)
    made: list[socket.socket] = []

    async def fake(family: int, sockaddr: Any) -> socket.socket:
        await both.wait()
        made.append(socket.socket(IPV4))
        return made[-1]

    async def main() -> None:
        monkeypatch.setattr(module, "_dial", fake)
        monkeypatch.setattr(module, "_STAGGER_S", 0.001)
        chosen = await module._race([(IPV4, "one"), (IPV4, "two")])
        assert sorted(sock.fileno() == -1 for sock in made) == [False, True]
        chosen.close()

    run(main())


def test_connecting_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(family: int, sockaddr: Any) -> socket.socket:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        monkeypatch.setattr(module, "_dial", hang)
        with pytest.raises(UnreachableError, match=r"no answer in 0\.01 s"):
            await connect(Address.tcp("127.0.0.1", 1), party("client"), timeout_s=0.01)

    run(main())


@pytest.mark.parametrize("kind", SOCKET_KINDS)
def test_what_listens_but_never_answers_is_given_up(kind: str, tmp_path: Path) -> None:
    async def main() -> None:
        where = address(kind, tmp_path)
        with socket.socket({"tcp6": IPV6, "tcp4": IPV4}.get(kind, socket.AF_UNIX)) as mute:
            mute.bind(where.path or (where.host, 0))
            mute.listen()
            where = where if where.path else Address.tcp(where.host, mute.getsockname()[1])
            with pytest.raises(ConnectionLostError, match=r"did not open the connection in 0\.02 s"):
                await connect(where, party("client"), settings=SessionSettings(handshake_s=0.02, linger_s=0.02))

    run(main())


def test_a_server_of_another_protocol_is_recognised() -> None:
    async def main() -> None:
        async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(web, "127.0.0.1", 0) as site:
            where = Address.tcp("127.0.0.1", site.sockets[0].getsockname()[1])
            with pytest.raises(PeerError, match="does not speak vidproc's protocol"):
                await connect(where, party("client"))

    run(main())
