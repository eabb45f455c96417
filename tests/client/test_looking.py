"""Looking at what goes on, at coordinators that follow a script."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.client.scripted import Connection, run, scripted
from vidproc.client.looking import Seen, keep_looking, look
from vidproc.client.news import News, Reconnecting
from vidproc.errors import PeerError
from vidproc.protocol.job_messages import Jobs
from vidproc.protocol.messages import Error, Message
from vidproc.protocol.status_messages import GetStatus, Status

pytestmark = pytest.mark.process


def status(up_s: float) -> Status:
    return Status(1, up_s, 0, 0, 0.0, 0, (), 0, (), 0)


def test_once(tmp_path: Path) -> None:
    async def part(connection: Connection) -> None:
        assert await connection.expect(GetStatus) == GetStatus(1)
        await connection.say(status(5.0))

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            seen = await look(at)
            assert seen.status == status(5.0)
            assert (seen.name, seen.version) == ("k", "1")

    run(main())


@pytest.mark.parametrize(
    ("answer", "said"), [(Jobs(1, (), False), "answered get-status with jobs"), (Error("protocol", "no", ""), "no")]
)
def test_what_is_no_answer(tmp_path: Path, answer: Message, said: str) -> None:
    async def part(connection: Connection) -> None:
        await connection.expect(GetStatus)
        await connection.say(answer)

    async def main() -> None:
        async with scripted(tmp_path, part) as at:
            with pytest.raises(PeerError, match=said):
                await look(at)

    run(main())


def test_over_as_many_connections_as_it_takes(tmp_path: Path) -> None:
    heard: list[Seen | News] = []

    async def first(connection: Connection) -> None:
        for up_s in (1.0, 2.0):
            await connection.expect(GetStatus)
            await connection.say(status(up_s))
        await connection.hang_up()

    async def second(connection: Connection) -> None:
        await connection.expect(GetStatus)
        await connection.say(status(3.0))

    async def main() -> None:
        def tell(news: Seen | News) -> None:
            heard.append(news)
            if isinstance(news, Seen) and news.status.up_s == 3.0:
                looking.cancel()

        async with scripted(tmp_path, first, second) as at:
            looking = asyncio.create_task(keep_looking(at, 0.01, tell))
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    run(main())
    assert [it.status.up_s if isinstance(it, Seen) else type(it) for it in heard] == [1.0, 2.0, Reconnecting, 3.0]
