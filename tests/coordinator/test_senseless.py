"""Well-made messages that mean nothing: they are answered, or passed over, and harm nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.coordinator.jobs import run, until
from tests.coordinator.test_clients import Served, accepted, answer, served
from tests.hostile.messages import SENSELESS
from vidproc.errors import PeerError
from vidproc.protocol.messages import Accepted, Error, Finished, Message, Ping, Submit, Watch
from vidproc.protocol.party import Party
from vidproc.transport.connect import connect
from vidproc.transport.session import Session

pytestmark = pytest.mark.process
LAST = Watch("the last")


async def peer(at: Served, role: str) -> Session:
    return await connect(at.address, Party(role, "x", {"vidproc": "0"}, capabilities={"slots": 1}))


@pytest.mark.parametrize("message", SENSELESS["client"], ids=lambda it: f"{it!r:.60}".replace("\0", "0"))
def test_a_client_is_told_and_served_on(tmp_path: Path, message: Message) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as other, at.client() as client:
            await client.send(message, b"x" if message.bulk else b"")
            await client.send(LAST)
            heard = [await answer(client, Message)]  # type: ignore[type-abstract]
            while not (isinstance(heard[-1], Error) and heard[-1].job_id == LAST.job_id):
                heard.append(await answer(client, Message))  # type: ignore[type-abstract]
            if isinstance(message, Submit):
                assert isinstance(heard[0], Accepted | Error)
            assert all(it.message.isprintable() for it in heard if isinstance(it, Error))
            assert not any(isinstance(it, Finished) for it in heard)
            await accepted(other)

    run(main())


def test_a_worker_that_talks_nonsense_disturbs_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            session = await peer(at, "worker")
            for message in SENSELESS["worker"]:
                try:
                    await session.send(message, b"x" if message.bulk else b"")
                except PeerError:
                    session = await peer(at, "worker")
            await until(lambda: at.coordinator._dispatch.workers)
            await session.close()
            await until(lambda: not at.coordinator._dispatch.workers)
            await accepted(client)

    run(main())


def test_floods_of_what_costs_nothing_to_send_are_not_kept(tmp_path: Path) -> None:
    """Each asks for an answer that nobody reads."""

    async def main() -> None:
        async with served(tmp_path) as at, at.client() as client:
            flooding = await peer(at, "client")
            with pytest.raises(PeerError):
                await asyncio.wait_for(_flood(flooding), 15)
            await flooding.close()
            await accepted(client)

    async def _flood(session: Session) -> None:
        while True:
            await session.send(Watch("x" * 255))
            await session.send(Ping())

    run(main())
