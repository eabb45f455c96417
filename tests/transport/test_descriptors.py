"""Descriptors that travel with messages over AF_UNIX, and are not lost on the way."""

from __future__ import annotations

import array
import asyncio
import os
import socket
from pathlib import Path

import pytest

from tests.transport.places import address, pair, party, raw_socket, run, server, until
from vidproc.errors import PeerError
from vidproc.protocol.connection import MAX_FDS, Connection
from vidproc.protocol.messages import DownloadBlock, UploadBlock, Watch
from vidproc.transport.session import Session

pytestmark = pytest.mark.process


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_descriptor_arrives_with_its_message_and_works(tmp_path: Path) -> None:
    async def main() -> None:
        async with pair("unix", tmp_path, party("client"), party("coordinator")) as (peer, coordinator):
            reading, writing = os.pipe()
            await peer.send(Watch("j"), fds=(writing,))
            os.close(writing)
            message, _, fds = await coordinator.receive()
            assert message == Watch("j")
            (taken,) = fds.take()
            assert not os.get_inheritable(taken)
            os.write(taken, b"through")
            os.close(taken)
            assert os.read(reading, 100) == b"through"
            assert os.read(reading, 100) == b""  # no copy of the writing end is left anywhere
            os.close(reading)

    run(main())


def test_each_message_gets_its_own_among_many_others(tmp_path: Path) -> None:
    """None, one or two ride with each block, in both directions at once."""

    async def pour(session: Session, kind: type[UploadBlock] | type[DownloadBlock]) -> None:
        for number in range(60):
            fd = os.open(tmp_path / "files", os.O_RDONLY | os.O_DIRECTORY)
            await session.send(kind("j", number, 0), bytes(number * 1000), fds=[fd] * (number % 3))
            os.close(fd)

    async def take(session: Session) -> None:
        for number in range(60):
            arrival = await session.receive()
            assert len(arrival.fds) == number % 3
            for fd in arrival.fds.take() if number % 2 else ():
                assert os.listdir(fd) == ["one"]
                os.close(fd)

    async def main() -> None:
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "one").touch()
        async with pair("unix", tmp_path, party("client"), party("coordinator")) as (peer, coordinator):
            before = open_descriptors()
            await asyncio.gather(
                pour(peer, UploadBlock), take(coordinator), pour(coordinator, DownloadBlock), take(peer)
            )
            await peer.send(Watch("end"))
            assert (await coordinator.receive()).message == Watch("end")  # closes what the last one brought
            await coordinator.send(DownloadBlock("end", 0, 0))
            await peer.receive()
            assert open_descriptors() == before

    run(main())


def test_who_sends_very_many_does_not_use_up_those_of_the_process(tmp_path: Path) -> None:
    """With small messages that nobody receives yet."""

    async def main() -> None:
        here: list[Session] = []

        async def stay(session: Session) -> None:
            here.append(session)
            await asyncio.Event().wait()

        async with server(address("unix", tmp_path), stay) as running:
            with raw_socket(running.listeners[0].address) as sock:
                peer = Connection(party("client"), b"n" * 32)
                sock.sendall(b"".join(peer.data_to_send()))
                while peer.peer is None:
                    list(peer.receive_data(await asyncio.to_thread(sock.recv, 4096)))
                await until(lambda: here)
                before, sent = open_descriptors(), 0
                sock.setblocking(False)
                await asyncio.sleep(0)
                while not here[0]._inbox.full:
                    sock.sendmsg(
                        [b"".join(peer.send(Watch("j"), fds=MAX_FDS))],
                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * MAX_FDS))],
                    )
                    sent += MAX_FDS
                    await asyncio.sleep(0)
                assert 0 < open_descriptors() - before <= sent
                assert open_descriptors() - before <= 64 + MAX_FDS

    run(main())


def test_as_many_as_may_travel_with_one_message_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with pair("unix", tmp_path, party("client"), party("coordinator")) as (peer, coordinator):
            await peer.send(Watch("j"), fds=[0] * MAX_FDS)
            assert len((await coordinator.receive()).fds) == MAX_FDS
            with pytest.raises(ValueError, match="descriptors"):
                await peer.send(Watch("j"), fds=[0] * (MAX_FDS + 1))

    run(main())


def test_what_nobody_takes_is_closed_with_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        before = open_descriptors()
        async with pair("unix", tmp_path, party("client"), party("coordinator")) as (peer, coordinator):
            for _ in range(5):
                await peer.send(Watch("j"), fds=(0, 0))
            await coordinator.receive()
            await until(lambda: len(coordinator._inbox) == 4)
        assert open_descriptors() == before

    run(main())


def test_a_descriptor_that_is_not_open_is_the_senders_mistake(tmp_path: Path) -> None:
    async def main() -> None:
        async with pair("unix", tmp_path, party("client"), party("coordinator")) as (peer, coordinator):
            before = open_descriptors()
            with pytest.raises(OSError, match="Bad file"):
                await peer.send(Watch("j"), fds=(0, 10**6))
            assert open_descriptors() == before
            await peer.send(Watch("j"))
            assert (await coordinator.receive()).message == Watch("j")

    run(main())


def send_with_fds(sock: socket.socket, data: bytes, count: int) -> None:
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * count))])


@pytest.mark.parametrize(("claimed", "brought"), [(2, 0), (2, 1), (0, 17), (0, 100), (1, 18)])
def test_descriptors_that_do_not_fit_their_message_end_the_connection_and_are_closed(
    tmp_path: Path, claimed: int, brought: int
) -> None:
    async def main() -> None:
        ended: asyncio.Future[PeerError] = asyncio.get_running_loop().create_future()

        async def note(session: Session) -> None:
            try:
                while True:
                    await session.receive()
            except PeerError as error:
                ended.set_result(error)

        async with server(address("unix", tmp_path), note) as running:
            with raw_socket(running.listeners[0].address) as sock:
                peer = Connection(party("client"), b"n" * 32)
                sock.sendall(b"".join(peer.data_to_send()))
                sock.setblocking(False)
                list(peer.receive_data(await asyncio.get_running_loop().sock_recv(sock, 10_000)))
                before = open_descriptors()
                data = b"".join(peer.send(Watch("j"), fds=claimed))
                if brought:
                    send_with_fds(sock, data, brought)
                else:
                    sock.sendall(data)
                assert "descriptors" in str(await ended)
                await until(lambda: open_descriptors() <= before)

    run(main())
