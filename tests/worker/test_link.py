"""A daemon's connection over a session in memory, with real slots behind it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.transport.places import party, run, until
from tests.worker.coordinator import Leaser, ended
from tests.worker.work import FOR_EVER, Work, at_frame, until_there
from vidproc.errors import ConnectionLostError, PeerError, from_code
from vidproc.model import LeaseKind
from vidproc.processes.child import ChildDiedError, ChildLimits
from vidproc.protocol.messages import Committed, Drain, Failed, Heartbeat, Lease, LeaseBlock, Revoke
from vidproc.transport.memory import memory_pair
from vidproc.worker import slot as slot_module
from vidproc.worker.link import Link
from vidproc.worker.slot import Slot

pytestmark = pytest.mark.process


@dataclass
class Connected:
    """A link that serves, and the coordinator that it serves."""

    link: Link
    slots: list[Slot]
    coordinator: Leaser
    serving: asyncio.Task[None]


@contextlib.asynccontextmanager
async def connected(processes: int = 1) -> AsyncIterator[Connected]:
    slots = [Slot(f"slot {n}", 60.0, ChildLimits(4 * 2**30)) for n in range(processes)]
    worker, coordinator = await memory_pair(party("worker"), party("coordinator"))
    link = Link(worker, slots)
    serving = asyncio.create_task(link.serve())
    try:
        yield Connected(link, slots, Leaser(coordinator), serving)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await asyncio.gather(worker.close(), coordinator.close(), *(slot.close() for slot in slots))


def test_leases_in_blocks_are_answered_with_what_a_runner_makes(work: Work) -> None:
    async def main() -> None:
        async with connected(2) as it:
            for number in range(4):
                await it.coordinator.lease(number, work, index=number, slot=number % 2, blocks=3)
            answers = {(answer := await it.coordinator.answer()).lease: answer for _ in range(4)}
            for number, answer in answers.items():
                assert answer.report.frames == 12
                assert answer.records == work.expected(number)
                assert answer.report.seconds["pipe"] > 0
                await it.coordinator.session.send(Committed(number))
            assert len({slot.pid for slot in it.slots}) == 2

    run(main())


def test_a_result_of_more_than_a_block_comes_in_several(one_keyframe: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr("vidproc.protocol.framing.BLOCK", 100)
        async with connected() as it:
            await it.coordinator.lease(1, one_keyframe)
            assert (await it.coordinator.answer()).records == one_keyframe.expected(0)

    run(main())


def test_heartbeats_tell_how_far_each_lease_is(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(5, work.through(at_frame(7, until_there(tmp_path / "gate"))))
            while (beat := await it.coordinator.beat()).frames != {5: 7}:
                assert beat.frames.keys() == {5}
            (tmp_path / "gate").touch()
            assert (await it.coordinator.answer()).report.frames == 12

    run(main())


def test_a_rate_limit_is_told_once_though_nothing_is_at_work() -> None:
    async def main() -> None:
        async with connected() as it:
            it.link.limit(12.5)
            first = await it.coordinator.beat()
            assert (first.frames, first.rate_limit) == ({}, 12.5)
            assert first.memory_mb is not None
            assert first.memory_mb > 1
            it.link.limit(0.0)
            assert await it.coordinator.beat() == Heartbeat({}, 0.0)  # the machine is told of now and then

    run(main())


def test_a_slot_does_its_leases_in_the_order_that_they_come(one_keyframe: Work) -> None:
    """Though the packets of the second, which goes on from the first, are here sooner."""

    async def main() -> None:
        async with connected() as it:
            packets = [one_keyframe.packets(index, continues=index > 0) for index in (0, 1)]
            for index in (0, 1):
                await it.coordinator.announce(index, one_keyframe, index, continues=index > 0)
            for index in (1, 0):
                await it.coordinator.session.send(LeaseBlock(index), packets[index])
            for index in (0, 1):
                answer = await it.coordinator.answer()
                assert (answer.lease, answer.records) == (index, one_keyframe.expected(index))

    run(main())


def test_what_lies_ahead_is_not_at_work_and_can_be_revoked(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(1, work.through(at_frame(4, until_there(tmp_path / "gate"))))
            for number in (2, 3):
                await it.coordinator.lease(number, work)
            while (beat := await it.coordinator.beat()).frames != {1: 4}:
                assert beat.frames.keys() <= {1}
            await it.coordinator.session.send(Revoke(2))
            pid = it.slots[0].pid
            (tmp_path / "gate").touch()
            assert [(await it.coordinator.answer()).lease for _ in range(2)] == [1, 3]
            assert it.slots[0].pid == pid

    run(main())


def test_a_filter_that_fails_is_reported_with_its_frame(work: Work) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(1, work.through(at_frame(4, "1 / 0")))
            failed, _ = await it.coordinator.heard()
            assert isinstance(failed, Failed)
            assert (failed.lease_id, failed.code, failed.frame, failed.slot_lost) == (1, "filter", 4, False)
            assert "ZeroDivisionError" in failed.message
            await it.coordinator.lease(2, work)
            assert (await it.coordinator.answer()).lease == 2

    run(main())


def test_a_slot_that_dies_is_reported_and_serves_again(work: Work) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(1, work.through(at_frame(4, FOR_EVER)))
            await until(lambda: it.slots[0].reading.frame == 4)
            os.kill(it.slots[0].pid, signal.SIGKILL)
            failed, _ = await it.coordinator.heard()
            assert isinstance(failed, Failed)
            assert (failed.lease_id, failed.frame, failed.slot_lost) == (1, 4, True)
            assert isinstance(from_code(failed.code, failed.message), ChildDiedError)
            await it.coordinator.lease(2, work)
            assert (await it.coordinator.answer()).lease == 2

    run(main())


def test_a_bug_fails_the_lease_and_not_the_daemon(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(slot_module, "_ENTRY", "tests.worker.children:nonsense")
        async with connected() as it:
            await it.coordinator.lease(1, work)
            failed, _ = await it.coordinator.heard()
            assert isinstance(failed, Failed)
            assert (failed.code, failed.slot_lost) == ("worker", True)
            assert failed.message.startswith("a bug in vidproc: ")
            monkeypatch.undo()
            await it.coordinator.lease(2, work)
            assert (await it.coordinator.answer()).lease == 2

    run(main())


def test_a_revoked_lease_is_answered_by_nothing_and_its_slot_is_free_at_once(work: Work) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(1, work.through(at_frame(4, FOR_EVER)))
            await until(lambda: it.slots[0].reading.frame == 4)
            await it.coordinator.session.send(Revoke(1))
            await it.coordinator.lease(2, work)
            assert (await it.coordinator.answer()).lease == 2
            assert not any(1 in beat.frames for beat in it.coordinator.beats[1:])

    run(main())


def test_packets_of_a_revoked_lease_are_passed_over(work: Work) -> None:
    async def main() -> None:
        async with connected() as it:
            packets = work.packets(0)
            await it.coordinator.announce(1, work)
            await it.coordinator.session.send(LeaseBlock(1), packets[:100])
            await it.coordinator.session.send(Revoke(1))
            await it.coordinator.session.send(LeaseBlock(1), packets[100:])
            await it.coordinator.session.send(Revoke(99))
            await it.coordinator.lease(2, work)
            assert (await it.coordinator.answer()).lease == 2

    run(main())


def test_when_the_connection_is_lost_the_work_stops(work: Work) -> None:
    async def main() -> None:
        async with connected(2) as it:
            for slot in (0, 1):
                await it.coordinator.lease(slot, work.through(at_frame(4, FOR_EVER)), slot=slot)
            await it.coordinator.announce(3, work)
            await until(lambda: all(slot.reading.frame == 4 for slot in it.slots))
            it.coordinator.session.abort()
            assert isinstance(await ended(it.serving), ConnectionLostError)
            assert [slot.pid for slot in it.slots] == [0, 0]

    run(main())


def test_what_only_a_broken_coordinator_sends_ends_the_connection(work: Work) -> None:
    async def main(breach: int) -> None:
        async with connected() as it:
            match breach:
                case 0:
                    await it.coordinator.announce(1, work, slot=1)
                case 1:
                    await it.coordinator.announce(1, work)
                    await it.coordinator.session.send(LeaseBlock(1), work.packets(0) + b"!")
                case 2:
                    await it.coordinator.lease(1, work)
                    await it.coordinator.session.send(LeaseBlock(1), b"!")
                case 3:
                    for lease in range(17):
                        await it.coordinator.announce(lease, work)
                case 4:
                    await it.coordinator.session.send(Lease(1, 0, LeaseKind.CHUNK, work.task(0), 2**31))
            error = await ended(it.serving)
            assert type(error) is PeerError

    for breach in range(5):
        run(main(breach))


def test_draining_waits_for_the_leases_in_hand(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(2) as it:
            held = work.through(at_frame(4, until_there(tmp_path / "gate")))
            await it.coordinator.lease(1, held)
            await until(lambda: it.slots[0].reading.frame == 4)
            draining = asyncio.create_task(it.link.drain())
            assert (await it.coordinator.heard())[0] == Drain()
            await it.coordinator.lease(2, work, slot=1)  # was on its way
            assert (await it.coordinator.answer()).lease == 2
            assert not draining.done()
            (tmp_path / "gate").touch()
            assert (await it.coordinator.answer()).lease == 1
            for lease in (1, 2):
                await it.coordinator.session.send(Committed(lease))
            await draining

    run(main())


@pytest.mark.parametrize("last_word", [Committed, Revoke])
def test_draining_waits_until_each_result_is_kept_or_not_wanted(
    work: Work, last_word: type[Committed] | type[Revoke]
) -> None:
    async def main() -> None:
        async with connected() as it:
            await it.coordinator.lease(1, work)
            assert (await it.coordinator.answer()).lease == 1
            draining = asyncio.create_task(it.link.drain())
            assert (await it.coordinator.heard())[0] == Drain()
            await it.coordinator.lease(2, work, index=1)  # was on its way
            assert (await it.coordinator.answer()).lease == 2
            await it.coordinator.session.send(Committed(2))
            await it.coordinator.lease(3, work)
            assert (await it.coordinator.answer()).lease == 3
            await it.coordinator.session.send(Committed(3))
            assert not draining.done()
            await it.coordinator.session.send(last_word(1))
            await draining

    run(main())


def test_draining_ends_with_the_connection_and_when_the_last_lease_is_revoked(work: Work) -> None:
    async def main(revoked: bool) -> None:
        async with connected() as it:
            await it.coordinator.lease(1, work.through(at_frame(4, FOR_EVER)))
            await until(lambda: it.slots[0].reading.frame == 4)
            draining = asyncio.create_task(it.link.drain())
            assert (await it.coordinator.heard())[0] == Drain()
            if revoked:
                await it.coordinator.session.send(Revoke(1))
            else:
                it.coordinator.session.abort()
            await draining

    for revoked in (True, False):
        run(main(revoked))
