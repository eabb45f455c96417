"""A job that is submitted before asyncio is there, and goes on over the same connection."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.scripted import MIB, Connection, done, run, scripted
from vidproc.client import films, head_start, remote
from vidproc.client.endpoint import Endpoint
from vidproc.client.head_start import submission
from vidproc.model import FilterSpec, JobSpec
from vidproc.protocol.messages import Fetched, Submit
from vidproc.transport.address import Address

pytestmark = pytest.mark.process
JOB = JobSpec((FilterSpec("blur"),))
RESULT = os.urandom(MIB)


@pytest.fixture
def source(tmp_path: Path) -> films.Source:
    (tmp_path / "in.mp4").write_bytes(os.urandom(2 * MIB + 1))
    return films.source_of(str(tmp_path / "in.mp4"))


def test_the_job_goes_on_over_the_connection(source: films.Source, tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        submit = await connection.accept()
        assert submit.sha256 == source.sha256
        assert await connection.take(3) == [0, MIB, 2 * MIB]
        await connection.say(done(RESULT))
        await connection.give(RESULT)
        await connection.hear(Fetched)

    async def main() -> None:
        out = io.BytesIO()
        async with scripted(tmp_path, part) as at:
            begun = await asyncio.to_thread(head_start.submit, at, submission(JOB, source))
            assert begun is not None
            await remote.RemoteJob(at, submission(JOB, source), {}, source, lambda _: None, begun).run(lambda _: out)
        assert hashlib.sha256(out.getvalue()).digest() == hashlib.sha256(RESULT).digest()

    run(main())


def test_what_was_lost_meanwhile_is_submitted_again(source: films.Source, tmp_path: Path) -> None:
    async def first(connection: Connection) -> None:
        await connection.expect(Submit)
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        await connection.accept(offset=source.size)
        await connection.say(done(RESULT))
        await connection.give(RESULT)
        await connection.hear(Fetched)

    async def main() -> None:
        out = io.BytesIO()
        async with scripted(tmp_path, first, second) as at:
            begun = await asyncio.to_thread(head_start.submit, at, submission(JOB, source))
            await remote.RemoteJob(at, submission(JOB, source), {}, source, lambda _: None, begun).run(lambda _: out)
        assert out.getvalue() == RESULT

    run(main())


def test_nobody_there(source: films.Source, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert head_start.submit(Endpoint(Address.tcp("localhost", port)), submission(JOB, source)) is None
    assert head_start.submit(Endpoint(Address.unix(tmp_path / "none")), submission(JOB, source)) is None


def test_another_host_is_left_to_the_usual_way(source: films.Source) -> None:
    assert head_start.submit(Endpoint(Address.tcp("host.invalid", 9090)), submission(JOB, source)) is None


def test_who_closes_at_once_is_left_to_the_usual_way(source: films.Source, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        server.shutdown(socket.SHUT_RDWR)
        assert head_start.submit(Endpoint(Address.unix(tmp_path / "socket")), submission(JOB, source)) is None


def test_asyncio_is_not_waited_for() -> None:
    """Nothing that `vidproc-send` does before it submits may bring asyncio in."""
    script = (
        "import sys\n"
        "from vidproc.cli import send, where\n"
        "from vidproc.client import films, head_start, specs\n"
        "print([name for name in ('asyncio', 'ssl', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
