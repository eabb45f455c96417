from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.transport.places import SOCKET_KINDS, address, party, raw_socket, read_all, run, server, until
from vidproc.errors import AuthenticationError, ConnectionLostError, PeerError, UnreachableError
from vidproc.protocol.connection import Connection
from vidproc.protocol.framing import FrameReader
from vidproc.protocol.messages import DownloadBlock, Error, Message, Submit, UploadBlock, Watch
from vidproc.transport import server as module
from vidproc.transport.address import Address
from vidproc.transport.admission import ConnectionLimits
from vidproc.transport.connect import connect
from vidproc.transport.server import Server
from vidproc.transport.session import Session, SessionSettings

pytestmark = [pytest.mark.process, pytest.mark.parametrize("kind", SOCKET_KINDS)]

QUICK = SessionSettings(handshake_s=0.05, close_s=0.05, linger_s=0.05)


@pytest.fixture
def where(kind: str, tmp_path: Path) -> Address:
    return address(kind, tmp_path)


async def echo(session: Session) -> None:
    while True:
        message, payload, _ = await session.receive()
        if isinstance(message, UploadBlock):
            await session.send(DownloadBlock(message.job_id, message.offset, message.crc32), payload)


async def check_echo(session: Session, text: str) -> None:
    await session.send(UploadBlock(text, 7, 8), text.encode())
    assert (await session.receive())[:2] == (DownloadBlock(text, 7, 8), text.encode())


def listening_at(running: Server) -> Address:
    return running.listeners[0].address


def said(data: bytes) -> list[Message]:
    reader = FrameReader()
    reader.feed(data)
    return [Message.from_header(header) for header, _ in reader]


def test_many_at_once(where: Address) -> None:
    async def visit(at: Address, number: int, together: asyncio.Barrier) -> None:
        async with await connect(at, party("client")) as session:
            await together.wait()
            for turn in range(3):
                await check_echo(session, f"{number}-{turn}")

    async def main() -> None:
        async with server(where, echo) as running:
            together = asyncio.Barrier(100)
            await asyncio.gather(*(visit(listening_at(running), number, together) for number in range(100)))
            await until(lambda: running.connections == 0)

    run(main())


GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    bytes.fromhex("1603010200010001fc0303") + bytes(500),
    b"\0\0\0\x20\0\0\0\0" + bytes(32),
    b"\xff" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_peer_of_another_protocol_is_told_so_and_disturbs_nobody(where: Address, garbage: bytes) -> None:
    async def main() -> None:
        async with server(where, echo) as running, await connect(listening_at(running), party("client")) as other:
            with raw_socket(listening_at(running)) as sock:
                sock.sendall(garbage)
                (error,) = said(await read_all(sock))
                assert isinstance(error, Error)
                assert error.code == "protocol"
                assert "does not speak vidproc's protocol" in error.message
            await check_echo(other, "still here")

    run(main())


def test_a_breach_after_the_opening_is_told_and_disturbs_nobody(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo) as running, await connect(listening_at(running), party("client")) as other:
            with raw_socket(listening_at(running)) as sock:
                peer = Connection(party("client"), b"n" * 32)
                sock.sendall(b"".join(peer.data_to_send()))
                sock.setblocking(False)
                while peer.peer is None:
                    list(peer.receive_data(await asyncio.get_running_loop().sock_recv(sock, 10_000)))
                sock.sendall(struct.pack(">II", 2**20, 0))
                with pytest.raises(PeerError, match="header of 1048576 bytes"):
                    list(peer.receive_data(await read_all(sock)))
            await check_echo(other, "still here")

    run(main())


def test_a_peer_that_says_nothing_is_cut_off_in_the_opening(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo, settings=QUICK) as running:
            with raw_socket(listening_at(running)) as mute, raw_socket(listening_at(running)) as slow:
                slow.sendall(b"\0\0")
                for sock in (mute, slow):
                    (error,) = said(await read_all(sock))
                    assert isinstance(error, Error)
                    assert "did not open the connection" in error.message

    run(main())


def test_a_peer_that_opens_byte_by_byte_is_cut_off_all_the_same(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo, settings=QUICK) as running:
            with raw_socket(listening_at(running)) as slow:
                reading = asyncio.create_task(read_all(slow))
                slow.sendall(b"\0\0\1")
                while not (await asyncio.wait({reading}, timeout=QUICK.handshake_s / 10))[0]:
                    with contextlib.suppress(ConnectionError):
                        slow.sendall(b"\0")
                (error,) = said(reading.result())
                assert isinstance(error, Error)
                assert "did not open the connection" in error.message

    run(main())


def test_a_peer_that_falls_silent_is_ended(where: Address) -> None:
    async def main() -> None:
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def note_end(session: Session) -> None:
            try:
                await session.receive()
            except ConnectionLostError as error:
                ended.set_result(str(error))

        async with server(where, note_end, party=party("coordinator", heartbeat_s=0.02, silence_s=0.1)) as running:
            with raw_socket(listening_at(running)) as sock:
                sock.sendall(b"".join(Connection(party("client"), b"n" * 32).data_to_send()))
                assert "was silent for 0.1 s" in await ended

    run(main())


def test_a_peer_that_vanishes_is_ended(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo) as running:
            sock = raw_socket(listening_at(running))
            sock.sendall(b"".join(Connection(party("client"), b"n" * 32).data_to_send()))
            await until(lambda: running.connections == 1)
            if where.scheme == "tcp":  # a reset, as from a process that was killed
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            await until(lambda: running.connections == 0)

    run(main())


def test_a_wrong_token_is_refused_and_the_right_one_is_not(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo, party=party("coordinator", b"right")) as running:
            for token in (None, b"wrong"):
                with pytest.raises(AuthenticationError, match="--token-file"):
                    await connect(listening_at(running), party("client", token))
            async with await connect(listening_at(running), party("client", b"right")) as session:
                await check_echo(session, "welcome")

    run(main())


@pytest.mark.parametrize(("error", "told"), [(PeerError("your fault"), "your fault"), (KeyError("secret"), "its log")])
def test_what_a_handler_raises_ends_its_session_only(where: Address, error: Exception, told: str) -> None:
    async def fragile(session: Session) -> None:
        while True:
            message, payload, _ = await session.receive()
            if isinstance(message, Watch):
                raise error
            await session.send(DownloadBlock("j", 0, 0), payload)

    async def main() -> None:
        async with server(where, fragile) as running, await connect(listening_at(running), party("client")) as other:
            async with await connect(listening_at(running), party("client")) as session:
                await session.send(Watch("j"))
                with pytest.raises(PeerError, match=told) as caught:
                    await session.receive()
                assert "secret" not in str(caught.value)
            await other.send(UploadBlock("j", 0, 0), b"x")
            assert (await other.receive()).payload == b"x"

    with capture_logs():
        run(main())


def test_more_than_the_limit_are_refused_cleanly(where: Address) -> None:
    async def main() -> None:
        async with (
            server(where, echo, limits=ConnectionLimits(total=3)) as running,
            await connect(listening_at(running), party("client")) as first,
            await connect(listening_at(running), party("client")) as second,
        ):
            with pytest.raises(UnreachableError, match=r"has 2 clients already, .* \(max_connections\)"):
                await connect(listening_at(running), party("client"))
            await check_echo(first, "served")
            await until(lambda: running.connections == 2)
            async with await connect(listening_at(running), party("worker")) :
                with pytest.raises(UnreachableError, match=r"has 3 connections already \(max_connections\)"):
                    await connect(listening_at(running), party("worker"))
            await until(lambda: running.connections == 2)
            await second.close()
            await until(lambda: running.connections == 1)
            async with await connect(listening_at(running), party("client")) as third:
                await check_echo(third, "now there is room")

    run(main())


def test_one_peer_does_not_take_the_others_places(where: Address) -> None:
    async def main() -> None:
        limits = ConnectionLimits(total=9, per_peer=3, rate=1e9)
        async with server(where, echo, limits=limits) as running:
            at = listening_at(running)
            async with await connect(at, party("client")) as first, await connect(at, party("client")):
                with pytest.raises(UnreachableError, match=r"has 2 clients here already, .*_per_peer\)"):
                    await connect(at, party("client"))
                await check_echo(first, "served")
                await until(lambda: running.connections == 2)
                async with await connect(at, party("worker")):
                    with pytest.raises(UnreachableError, match=r"3 connections \(max_connections_per_peer\) already"):
                        await connect(at, party("worker"))

    run(main())


def test_who_dials_again_and_again_is_refused_for_a_while(where: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        limits = ConnectionLimits(per_peer=2, rate=0.001)
        async with server(where, echo, limits=limits) as running:
            for turn in range(2):
                async with await connect(listening_at(running), party("client")) as session:
                    await check_echo(session, f"{turn}")
                await until(lambda: running.connections == 0)
            with pytest.raises(UnreachableError, match=r"a second \(max_connection_rate\): try again later"):
                await connect(listening_at(running), party("client"))

    run(main())


def test_a_burst_is_served_or_refused_and_who_was_here_is_served(where: Address) -> None:
    """Each of the others hears why, or finds the connection closed; none waits."""

    async def main() -> None:
        async with server(where, echo, limits=ConnectionLimits(total=50)) as running:
            at = listening_at(running)
            async with await connect(at, party("client")) as other:
                outcomes = await asyncio.gather(*(visit(at) for _ in range(300)))
                await check_echo(other, "still here")
            assert sum(outcomes) >= 42, "and seven places are kept for workers"
            await until(lambda: running.connections == 0)

    async def visit(at: Address) -> bool:
        try:
            async with await connect(at, party("client")) as session:
                await check_echo(session, "served")
                return True
        except (UnreachableError, ConnectionLostError):
            return False

    run(main())


@contextlib.contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as highest:
        limit = highest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_accepting_pauses_and_goes_on(where: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ACCEPT_PAUSE_S", 3600.0)

    async def main() -> None:
        async with server(where, echo) as running, await connect(listening_at(running), party("client")) as other:
            with raw_socket(listening_at(running)) as late:
                with capture_logs() as logs, no_more_descriptors():
                    await until(lambda: logs)
                    for turn in range(50):
                        await check_echo(other, f"served {turn}")
                assert ["descriptors" in entry["event"] for entry in logs] == [True], "said once"
                running.accept()
                late.sendall(b"".join(Connection(party("client"), b"n" * 32).data_to_send()))
                await until(lambda: running.connections == 2)

    run(main())


def test_who_waits_while_there_are_no_descriptors_is_told_so(where: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ACCEPT_PAUSE_S", 0.05)

    async def main() -> None:
        async with server(where, echo) as running, await connect(listening_at(running), party("client")) as other:
            with contextlib.ExitStack() as late:
                waiting = [late.enter_context(raw_socket(listening_at(running))) for _ in range(3)]
                with capture_logs() as logs, no_more_descriptors():
                    for sock in waiting:
                        (error,) = said(await read_all(sock))
                        assert isinstance(error, Error)
                        assert (error.code, error.message) == ("unreachable", module._NO_DESCRIPTORS)
                    await check_echo(other, "still here")
            assert len(logs) == 1, "said once"
            async with await connect(listening_at(running), party("client")) as session:
                await check_echo(session, "there are some again")

    run(main())


def test_closing_the_server_ends_all_and_frees_the_address(where: Address) -> None:
    async def main() -> None:
        cancelled = []

        async def stay(session: Session) -> None:
            try:
                await session.receive()
            except asyncio.CancelledError:
                cancelled.append(session.address)
                raise

        async with server(where, stay) as running:
            at = listening_at(running)
            sessions = [await connect(at, party("client")) for _ in range(3)]
            waiting = [asyncio.create_task(session.receive()) for session in sessions]
            await running.close()
            for outcome in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(outcome, ConnectionLostError)
            await asyncio.gather(*(session.close() for session in sessions))
        assert len(cancelled) == 3
        with pytest.raises(UnreachableError):
            await connect(at, party("client"))

    run(main())


def test_a_server_that_is_closed_before_its_handlers_began_leaves_nothing(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo, settings=QUICK) as running:
            with raw_socket(listening_at(running)) as sock:
                await until(lambda: running.connections)
                await running.close()
                assert await read_all(sock) == b""

    run(main())


def test_a_wrong_field_from_a_peer_is_its_own_trouble(where: Address) -> None:
    async def main() -> None:
        async with server(where, echo) as running, await connect(listening_at(running), party("client")) as session:
            with pytest.raises(ValueError, match="SHA-256"):
                Submit(1, None, 1, "no hash", "n")  # type: ignore[arg-type]
            await check_echo(session, "unhurt")

    run(main())
