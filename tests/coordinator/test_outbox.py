"""Messages keep their order, progress its newest, and a reader that does not read piles up nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.coordinator.jobs import run, until
from vidproc.coordinator.outbox import Outbox
from vidproc.errors import ConnectionLostError
from vidproc.model import JobState
from vidproc.protocol.messages import Finished, Message, Progress, Received
from vidproc.protocol.party import Party
from vidproc.transport.memory import memory_pair
from vidproc.transport.session import Session, SessionSettings


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Session, Session, Outbox]]:
    """The client's session, the coordinator's, and the outbox on that, at work."""
    settings = SessionSettings(control_high=2000, receive_high=2000, receive_low=500, linger_s=0.01, close_s=0.01)
    client, coordinator = await memory_pair(
        Party("client", "c", {"vidproc": "1"}), Party("coordinator", "k", {"vidproc": "1"}), settings
    )
    outbox = Outbox(coordinator)
    running = asyncio.create_task(outbox.run())
    try:
        yield client, coordinator, outbox
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await client.close()
        await coordinator.close()


def progress(job: str, frames: int) -> Progress:
    return Progress(job, JobState.RUNNING, frames, 1_000_000, 1.0)


async def received(client: Session, last: Message) -> list[Message]:
    messages: list[Message] = []
    while last not in messages:
        messages.append((await client.receive()).message)
    return messages


def test_order_is_kept() -> None:
    async def main() -> None:
        async with pair() as (client, _, outbox):
            sent: list[Message] = [Received("j", n) for n in range(500)]
            for message in sent:
                outbox.post(message)
            assert await received(client, sent[-1]) == sent

    run(main())


def test_a_slow_reader_gets_the_newest_progress_of_each_job() -> None:
    async def main() -> None:
        async with pair() as (client, coordinator, outbox):
            for n in range(100_000):
                outbox.post(progress("a" if n % 2 else "b", n))
                if n % 100 == 0:
                    await asyncio.sleep(0)
            outbox.post(Received("end", 0))
            assert len(outbox._messages) <= 3
            assert coordinator.waiting < 10_000
            messages = await received(client, Received("end", 0))
            assert len(messages) < 1000
            newest = {message.job_id: message.frames_done for message in messages if isinstance(message, Progress)}
            assert newest == {"a": 99_999, "b": 99_998}

    run(main())


def test_progress_stays_before_what_came_after_it() -> None:
    async def main() -> None:
        async with pair() as (client, _, outbox):
            finished = Finished("j", JobState.DONE, 1, "0" * 64, {})
            outbox.post(progress("j", 1))
            outbox.post(progress("j", 2))
            outbox.post(finished)
            assert await received(client, finished) == [progress("j", 2), finished]

    run(main())


def test_of_a_job_s_end_only_the_last_word_waits() -> None:
    """It has all the figures, and may be asked for again and again."""

    async def main() -> None:
        async with pair() as (client, coordinator, outbox):
            for turn in range(10_000):
                outbox.post(Finished("j", JobState.DONE, turn, "0" * 64, {"losses": ["x" * 1000]}))
                assert len(outbox._messages) == 1
            assert not coordinator.closed
            assert isinstance((await client.receive()).message, Finished)

    run(main())


def test_who_asks_and_does_not_read_is_cut_off() -> None:
    async def main() -> None:
        async with pair() as (_, coordinator, outbox):
            posted = 0
            while not coordinator.closed:
                outbox.post(Received("j", posted))
                posted += 1
                await asyncio.sleep(0)
            assert posted < 10_000

    run(main())


def test_what_can_never_be_sent_ends_the_connection() -> None:
    """Whoever waits for it must not wait for ever."""

    async def main() -> None:
        async with pair() as (client, coordinator, outbox):
            endless: dict[str, Any] = {"losses": ["x" * 300_000]}
            outbox.post(Finished("j", JobState.DONE, 1, "0" * 64, endless))
            await until(lambda: coordinator.closed)
            with suppress(ConnectionLostError):
                await client.receive()
                raise AssertionError("nothing was sent")

    run(main())
