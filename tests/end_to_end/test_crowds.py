"""Very many who connect at once, and those who connect and say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.programs import Cluster, cluster, until
from tests.hostile.crowd import fates
from vidproc.errors import VidprocError
from vidproc.protocol.messages import Error, Finished, Watch
from vidproc.protocol.party import Party
from vidproc.transport.address import Address
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

pytestmark = pytest.mark.process

CROWD = 2000
MIB = 2**20


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "own") as made:
        made.add_worker(1)
        yield made


def client(at: Address) -> asyncio.Task[Session]:
    return asyncio.ensure_future(connect(at, Party("client", "c", {"vidproc": "1"}), timeout_s=60))


@contextmanager
def descriptors(pid: int, most: int) -> Iterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_a_coordinator_takes_as_many_descriptors_as_it_may(own: Cluster) -> None:
    soft, hard = resource.prlimit(own.coordinator.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 2**20)


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    with descriptors(0, 4 * CROWD):
        yield


@pytest.mark.usefixtures("_many_descriptors")
@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4 * CROWD, reason="too few descriptors for a crowd")
def test_a_burst_of_two_thousand_is_served_or_refused(own: Cluster, film: Path) -> None:
    """By one peer, which may have half of them, but for what is kept for workers. Nobody is left without an answer,
    and all others are served."""
    at = Address.tcp("127.0.0.1", own.port)

    async def visit(ended: asyncio.Event) -> str:
        try:
            async with await client(at) as session:
                await session.send(Watch("none"))
                answer = (await session.receive()).message
                assert isinstance(answer, Error)
                assert answer.code == "unknown-job"
                await ended.wait()
                return "served"
        except VidprocError as error:
            return error.code

    async def main() -> Counter[str]:
        ended = asyncio.Event()
        visits = [asyncio.ensure_future(visit(ended)) for _ in range(CROWD)]
        found = await fates(Address.unix(own.unix), {"meanwhile": film.read_bytes})
        assert isinstance(found["meanwhile"], Finished)
        refused = CROWD - own_limit
        while sum(visit.done() for visit in visits) < refused:
            await asyncio.wait(visits, timeout=0.1)
        ended.set()
        return Counter(await asyncio.gather(*visits))

    own_limit = 1024 - 128  # the worker's address is the other family's
    outcomes = asyncio.run(main())
    assert outcomes["served"] == own_limit
    assert outcomes.keys() <= {"served", "unreachable", "connection-lost"}
    coordinator = psutil.Process(own.coordinator.process.pid)
    assert coordinator.memory_info().rss < 400 * MIB
    until(lambda: len(coordinator.net_connections("tcp")) < 10, "the connections to be gone")
    assert own.send(film, "-", "--dry-run").code == 0


@pytest.mark.long
def test_a_handshake_that_does_not_come_ends_after_five_seconds_whatever_trickles_in(own: Cluster, film: Path) -> None:
    """One byte at a time, as somebody would who wants to hold a connection."""
    with socket.create_connection(("127.0.0.1", own.port)) as slow:
        slow.settimeout(0.2)
        for byte in (0, 0, 1, 0, *[0] * 200):
            slow.send(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                heard = slow.recv(4096)
                break
    assert b"did not open the connection in 5 s" in heard
