"""What every session does, over whichever wire: one suite for all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.transport.places import KINDS, Pair, pair, party, run, until
from vidproc.errors import AuthenticationError, ConnectionLostError, MediaError, PeerError, TooLargeError
from vidproc.protocol.messages import Cancel, DownloadBlock, Fetch, Progress, UploadBlock, Watch
from vidproc.transport.session import Session, SessionSettings

pytestmark = [pytest.mark.contract, pytest.mark.parametrize("kind", KINDS)]

KIB, MIB = 1024, 1024 * 1024
TOKEN = b"a token for tests"
SMALL = SessionSettings(
    bulk_high=256 * KIB,
    bulk_low=192 * KIB,
    receive_high=256 * KIB,
    receive_low=64 * KIB,
    send_timeout_s=5.0,
    close_s=0.1,
    linger_s=0.1,
)

Joined = Callable[..., contextlib.AbstractAsyncContextManager[Pair]]


@pytest.fixture
def joined(kind: str, tmp_path: Path) -> Joined:
    def make(token: bytes | None = None, settings: SessionSettings | None = None, **of: Any) -> Any:
        return pair(kind, tmp_path, party("client", token), party("coordinator", token, **of), settings)

    return make


def block(number: int, size: int) -> tuple[UploadBlock, bytes]:
    return UploadBlock("j", number, 0), bytes([number % 256]) * size


async def send_blocks(session: Session, count: int, size: int) -> None:
    for number in range(count):
        await session.send(*block(number, size))


async def receive_blocks(session: Session, count: int, size: int, first: int = 0) -> None:
    for number in range(first, count):
        message, payload, _ = await session.receive()
        assert (message, payload) == block(number, size)


async def fill(session: Session) -> tuple[asyncio.Task[None], list[int]]:
    """Send blocks of 64 KiB to a peer that does not receive, until the sender has to wait."""
    sent: list[int] = []

    async def pour() -> None:
        while True:
            await session.send(*block(len(sent), 64 * KIB))
            sent.append(len(sent))

    task = asyncio.create_task(pour())
    await until(lambda: session._outbox.full(bulk=True))
    return task, sent


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def heard_again(session: Session) -> None:
    """Wait until bytes come in."""
    before = session._seen
    await until(lambda: session._seen > before)


async def stuck(session: Session) -> None:
    """Wait until the system takes nothing more of what waits: its own buffers fill up after the session's."""
    looks: list[float] = []

    def unmoved() -> bool:
        looks.append(session._progress)
        return looks[-2:-1] == looks[-1:]

    await until(unmoved)


def advance(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the event loop's clock jump ahead, by less than the limit of `run`."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_messages_go_both_ways_in_order(joined: Joined, token: bytes | None) -> None:
    async def main() -> None:
        async with joined(token) as (peer, coordinator):
            assert (peer.peer.role, coordinator.peer.role) == ("coordinator", "client")
            for number in range(100):
                await peer.send(Fetch("j", number))
                await coordinator.send(DownloadBlock("j", number, 0), b"x" * number)
            for number in range(100):
                assert (await coordinator.receive())[:2] == (Fetch("j", number), b"")
                assert (await peer.receive())[:2] == (DownloadBlock("j", number, 0), b"x" * number)

    run(main())


def test_a_wrong_token_opens_nothing(kind: str, tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(AuthenticationError):
            async with pair(kind, tmp_path, party("client", b"other"), party("coordinator", TOKEN)):
                pytest.fail("it opened")

    run(main())


def test_blocks_of_a_mebibyte_arrive_whole(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            sending = asyncio.create_task(send_blocks(peer, 24, MIB))
            await receive_blocks(coordinator, 24, MIB)
            await sending

    run(main())


def test_control_goes_before_bulk_that_waits(joined: Joined) -> None:
    async def main() -> None:
        async with joined(settings=SMALL) as (peer, coordinator):
            pouring, sent = await fill(peer)
            behind = peer.waiting // (64 * KIB) - 1  # whole blocks that have not begun
            await asyncio.wait_for(peer.send(Cancel("j")), timeout=1)
            before = 0
            while (await coordinator.receive()).message != Cancel("j"):
                before += 1
            assert behind >= 2
            assert before <= len(sent) + 1 - behind
            await stop(pouring)

    run(main())


def test_a_peer_that_does_not_receive_makes_the_sender_wait_and_little_is_held(joined: Joined) -> None:
    async def main() -> None:
        async with joined(settings=SMALL) as (peer, coordinator):
            pouring, sent = await fill(peer)
            most_waiting = 0
            for number in range(600):
                assert (await coordinator.receive())[:2] == block(number, 64 * KIB)
                most_waiting = max(most_waiting, peer.waiting)
            assert most_waiting <= SMALL.bulk_high + 65 * KIB
            assert len(sent) >= 600
            await stop(pouring)

    run(main())


def test_a_sender_that_is_cancelled_while_it_waits_sends_nothing(joined: Joined) -> None:
    async def main() -> None:
        async with joined(settings=SMALL) as (peer, coordinator):
            pouring, sent = await fill(peer)
            await stop(pouring)
            await peer.send(Watch("end"))
            messages = [(await coordinator.receive()).message for _ in range(len(sent) + 1)]
            assert sorted(m.offset for m in messages if isinstance(m, UploadBlock)) == sent
            assert Watch("end") in messages

    run(main())


def test_close_sends_what_waits(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            await send_blocks(peer, 3, MIB)
            closing = asyncio.create_task(peer.close())
            await receive_blocks(coordinator, 3, MIB)
            with pytest.raises(ConnectionLostError, match="closed"):
                await coordinator.receive()
            await closing

    run(main())


def test_close_does_not_wait_for_a_peer_that_takes_nothing(joined: Joined) -> None:
    async def main() -> None:
        settings = SessionSettings(bulk_high=MIB, bulk_low=KIB, receive_high=KIB, close_s=0.05, linger_s=0.05)
        async with joined(settings=settings) as (peer, _):
            pouring = asyncio.create_task(send_blocks(peer, 1000, 64 * KIB))
            await until(lambda: peer._outbox.full(bulk=True))
            await peer.close()
            with pytest.raises(ConnectionLostError):
                await pouring

    run(main())


def test_a_closed_session_says_so_and_may_be_closed_again(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            receiving = asyncio.create_task(peer.receive())
            await asyncio.sleep(0)
            await peer.close()
            await peer.close()
            for attempt in (receiving, peer.receive(), peer.send(Watch("j"))):
                with pytest.raises(ConnectionLostError, match="this side"):
                    await attempt
            assert peer.closed
            with pytest.raises(ConnectionLostError):
                await coordinator.receive()

    run(main())


def test_abort_closes_at_once(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            peer.abort()
            with pytest.raises(ConnectionLostError):
                await coordinator.receive()

    run(main())


def test_the_reason_for_closing_is_told(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            await coordinator.send(Progress("j", "running", 1, 2, 3.0))  # type: ignore[arg-type]
            await asyncio.gather(
                coordinator.close(PeerError("that was too much")),
                self_receive(peer, "too much"),
            )

    async def self_receive(peer: Session, reason: str) -> None:
        assert isinstance((await peer.receive()).message, Progress)
        with pytest.raises(PeerError, match=reason):
            await peer.receive()
        await peer.close()

    run(main())


def test_an_error_of_another_kind_is_told_as_the_peers(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            closing = asyncio.create_task(coordinator.close(MediaError("no film")))
            with pytest.raises(PeerError, match="no film"):
                await peer.receive()
            await peer.close()
            await closing

    run(main())


def test_what_may_not_be_sent_is_refused_and_the_session_lives_on(joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, coordinator):
            with pytest.raises(ValueError, match="may not send"):
                await peer.send(Progress("j", "running", 1, 2, 3.0))  # type: ignore[arg-type]
            with pytest.raises(TooLargeError):
                await peer.send(UploadBlock("j", 0, 0), bytes(MIB + 1))
            await peer.send(Watch("j"))
            assert (await coordinator.receive()).message == Watch("j")

    run(main())


def test_idle_sides_show_each_other_that_they_live(joined: Joined) -> None:
    async def main() -> None:
        async with joined(heartbeat_s=0.01, silence_s=30.0) as (peer, coordinator):
            for _ in range(5):
                await heard_again(peer)
                await heard_again(coordinator)
            await peer.send(Watch("j"))
            assert (await coordinator.receive()).message == Watch("j")

    run(main())


def test_a_silent_side_is_taken_for_dead(joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with joined(heartbeat_s=0.1, silence_s=6.0) as (peer, coordinator):
            advance(monkeypatch, 7.0)
            outcomes = await asyncio.gather(peer.receive(), coordinator.receive(), return_exceptions=True)
            assert all(isinstance(outcome, ConnectionLostError) for outcome in outcomes)
            assert any("was silent for 6 s" in str(outcome) for outcome in outcomes)

    run(main())


def test_a_side_that_takes_nothing_is_cut_off_but_who_was_busy_does_not_blame_the_other(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with joined(settings=SMALL, heartbeat_s=0.1, silence_s=6.0) as (peer, coordinator):
            pouring, sent = await fill(peer)
            await until(lambda: not coordinator._reading)
            await stuck(peer)
            advance(monkeypatch, 7.0)
            with pytest.raises(ConnectionLostError, match="took nothing of what was sent for 5 s"):
                await pouring
            await receive_blocks(coordinator, 2, 64 * KIB)
            with pytest.raises(ConnectionLostError, match=r"closed|gone"):
                await receive_blocks(coordinator, len(sent) + 1, 64 * KIB, first=2)

    run(main())


def test_descriptors_go_where_they_can(kind: str, joined: Joined) -> None:
    async def main() -> None:
        async with joined() as (peer, _):
            if kind != "unix":
                with pytest.raises(ValueError, match="descriptors can't travel"):
                    await peer.send(Watch("j"), fds=(0,))

    run(main())
