"""A daemon's connection: its leases' bytes, its results, and what it may not say."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import FRAMES, delivered, job_in, join, report, run, submit, until
from vidproc.coordinator.daemons import DaemonLink
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.live import workers_now
from vidproc.errors import PeerError
from vidproc.protocol.messages import (
    Committed,
    Drain,
    Failed,
    Heartbeat,
    Lease,
    LeaseBlock,
    Message,
    Result,
    ResultBlock,
    Revoke,
)
from vidproc.protocol.party import Party
from vidproc.transport.memory import memory_pair
from vidproc.transport.session import Session


class Daemon:
    """The far end: it answers as the test says."""

    def __init__(self, session: Session, serving: asyncio.Task[None]) -> None:
        self.session = session
        self.serving = serving

    async def hears(self) -> Message:
        return (await self.session.receive()).message

    async def lease(self) -> tuple[Lease, bytes]:
        """The next lease with its packets."""
        lease, packets = await self.hears(), b""
        assert isinstance(lease, Lease)
        while len(packets) < lease.size:
            message, payload, _ = await self.session.receive()
            assert message == LeaseBlock(lease.lease_id)
            packets += payload
        return lease, packets

    async def finish(self, lease: int, data: bytes = b"records") -> None:
        await self.session.send(Result(lease, len(data), hashlib.sha256(data).hexdigest(), report()))
        await self.session.send(ResultBlock(lease), data)


@asynccontextmanager
async def daemon(dispatch: Dispatch, name: str = "w", **capabilities: Any) -> AsyncIterator[Daemon]:
    party = Party("worker", name, {"vidproc": "1"}, capabilities={"slots": 1, **capabilities})
    near, far = await memory_pair(party, Party("coordinator", "k", {"vidproc": "1"}))
    serving = asyncio.create_task(DaemonLink(far, dispatch, name).serve())
    try:
        yield Daemon(near, serving)
    finally:
        await near.close()
        with suppress(PeerError):
            await serving
        await far.close()
        dispatch.close()


def test_a_lease_carries_its_packets_and_its_task(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, packets = await far.lease()
            assert packets == bytes(range(100))
            assert (lease.task.start, lease.task.stop, lease.task.chunk) == (0, FRAMES, 0)
            assert (lease.task.stream, lease.task.filters) == (job.streams[0], job.spec.filters)
            await far.finish(lease.lease_id)
            assert {type(await far.hears()) for _ in range(3)} == {Committed, Lease, LeaseBlock}
            assert delivered(job) == [0]

    run(main())


@pytest.mark.parametrize(
    "figures",
    [{"latency": {-1: 1}}, {"latency": {1: -1}}, {"seconds": {"filter": -1.0}}, {"cpu_s": math.nan}, {"frames": -1}],
    ids=str,
)
def test_figures_that_cannot_be_added_up_are_not_taken(tmp_path: Path, figures: dict[str, Any]) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, _ = await far.lease()
            await far.session.send(Result(lease.lease_id, 0, "0" * 64, replace(report(), **figures)))
            with pytest.raises(PeerError, match="a worker's report"):
                await far.serving
            assert (dispatch.tally.frames, job.results) == (0, {})

    run(main())


def test_heartbeats_move_the_progress(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, _ = await far.lease()
            await far.session.send(Heartbeat({lease.lease_id: 7, 99: 1000}))
            await until(lambda: job.frames_done == 7)
            await far.finish(lease.lease_id)
            await until(lambda: job.results)
            assert job.frames_done == FRAMES

    run(main())


def test_heartbeats_may_change_the_rate_limit(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=3)
        async with daemon(dispatch) as far:
            await far.session.send(Heartbeat({}, 0.001))
            await until(lambda: dispatch.workers)
            submit(dispatch, job)
            first, _ = await far.lease()
            await until(lambda: dispatch.scheduler._workers["w"].bucket.rate)
            await far.finish(first.lease_id)
            await until(lambda: dispatch.scheduler.why_waiting("j") == "the daemons have reached their rate limit")
            await far.session.send(Heartbeat({}, 0.0))
            await far.session.send(Heartbeat({}))
            await until(lambda: dispatch.scheduler.figures("j").leased)

    run(main())


def test_the_rate_limit_that_a_daemon_comes_with_is_told_of(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch = Dispatch()
        async with daemon(dispatch, rate_limit=64) as far:
            await until(lambda: dispatch.workers)
            assert [it.rate_limit for it in workers_now(dispatch)] == [64.0]
            await far.session.send(Heartbeat({}, 12.5))
            await until(lambda: [it.rate_limit for it in workers_now(dispatch)] == [12.5])

    run(main())


def test_a_daemon_has_no_say_in_another_one_s_lease(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=2)
        other = join(dispatch, "other")
        submit(dispatch, job)
        theirs = other.leases[0]
        async with daemon(dispatch) as far:
            ours, _ = await far.lease()
            await far.finish(theirs.lease)
            await far.session.send(Failed(theirs.lease, "filter", "no"))
            await far.session.send(Heartbeat({theirs.lease: 7}))
            await far.finish(ours.lease_id)
            await until(lambda: job.results)
            assert set(job.results) == {ours.task.chunk}
            assert job.error is None
            assert dispatch.grant_of(theirs.lease) == theirs
            assert job.frames_done == FRAMES

    run(main())


def test_a_failure_is_blamed_and_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=1)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            for attempt in range(1, 5):
                lease, _ = await far.lease()
                assert job.attempts == {0: attempt}
                await far.session.send(Failed(lease.lease_id, "filter", "frame 3: no\x1b[2J\nmore", frame=3))
            await until(lambda: job.error)
            assert "frame 3 failed: no?[2J more (chunk 0, frames 0 to 9, 4 attempts)" in str(job.error)

    run(main())


@pytest.mark.parametrize(("code", "attempts"), [("media", 1), ("usage", 1), ("unheard-of", 1)])
def test_what_would_fail_again_is_not_tried_again(tmp_path: Path, code: str, attempts: int) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=1)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, _ = await far.lease()
            await far.session.send(Failed(lease.lease_id, code, "no"))
            await until(lambda: job.error)
            assert job.attempts == {0: attempts}

    run(main())


def test_a_draining_daemon_gets_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, _ = await far.lease()
            ahead, _ = await far.lease()
            await far.session.send(Drain())
            assert await far.hears() == Revoke(ahead.lease_id)
            await far.finish(lease.lease_id)
            assert await far.hears() == Committed(lease.lease_id)
            await until(lambda: "about to leave" in dispatch.scheduler.why_waiting("j"))

    run(main())


def test_a_revoked_lease_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=1)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, _ = await far.lease()
            dispatch.fail(job, PeerError("enough"))
            assert await far.hears() == Revoke(lease.lease_id)
            await far.finish(lease.lease_id)

    run(main())


def test_the_packets_of_a_void_lease_are_not_sent(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job, other = Dispatch(), job_in(tmp_path), job_in(tmp_path, "other", chunks=1)
        async with daemon(dispatch) as far:
            await until(lambda: dispatch.workers)
            submit(dispatch, job)
            dispatch.fail(job, PeerError("enough"))
            submit(dispatch, other)
            heard = [await far.hears() for _ in range(4)]
            revoked = {it.lease_id for it in heard if isinstance(it, Revoke)}
            assert len(revoked) == 2
            assert {it.lease_id for it in heard if isinstance(it, Lease | LeaseBlock)} == {max(revoked) + 1}

    run(main())


def test_a_slot_never_waits_for_its_next_chunk(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=9)
        async with daemon(dispatch, slots=2) as far:
            submit(dispatch, job)
            here: dict[int, list[int]] = {0: [], 1: []}
            for turn in range(9):
                while sum(map(len, here.values())) < min(4, 9 - turn):
                    message = await far.hears()
                    if isinstance(message, Lease):
                        here[message.slot].append(message.lease_id)
                slot = 0 if here[0] and (turn % 3 or not here[1]) else 1
                await far.finish(here[slot].pop(0))
                assert here[slot] or turn > 6, "a second chunk lies there as long as one is left"
            await until(lambda: len(job.results) == 9)

    run(main())


def test_a_result_that_does_not_match_ends_the_connection(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=1)
        async with daemon(dispatch) as far:
            submit(dispatch, job)
            lease, _ = await far.lease()
            await far.session.send(Result(lease.lease_id, 7, "0" * 64, report()))
            await far.session.send(ResultBlock(lease.lease_id), b"records")
            with pytest.raises(PeerError, match="does not match its size and SHA-256"):
                await asyncio.shield(far.serving)
            assert job.results == {}
            assert dispatch.scheduler.why_waiting("j") == "no worker daemon is connected"

    run(main())


def test_packets_that_cannot_be_read_fail_the_job(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch, job = Dispatch(), job_in(tmp_path, chunks=1)
        job.packets[0].unlink()
        async with daemon(dispatch):
            submit(dispatch, job)
            await until(lambda: job.error)
            assert "packets" in str(job.error)

    run(main())


@pytest.mark.parametrize(
    ("capabilities", "said"),
    [
        ({"slots": 0}, "1 to 1024 slots"),
        ({"slots": 1025}, "1 to 1024 slots"),
        ({"slots": "many"}, "1 to 1024 slots"),
        ({"slots": True}, "1 to 1024 slots"),
        ({"rate_limit": -1}, "rate limit"),
        ({"rate_limit": "fast"}, "rate limit"),
        ({"rate_limit": float("nan")}, "rate limit"),
        ({"rate_limit": float("inf")}, "rate limit"),
    ],
)
def test_capabilities_that_are_none(capabilities: dict[str, Any], said: str) -> None:
    async def main() -> None:
        dispatch = Dispatch()
        async with daemon(dispatch, **capabilities) as far:
            with pytest.raises(PeerError, match=said):
                await asyncio.shield(far.serving)
            assert dispatch.workers == {}

    run(main())
