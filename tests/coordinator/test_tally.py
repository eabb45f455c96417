"""What happened is added up, under few names whatever others say."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.coordinator.jobs import FRAMES, finish, job_in, join, report, run, submit, until
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.loop_lag import LoopLag
from vidproc.coordinator.tally import MOST_WORKERS, OTHERS, Tally
from vidproc.metrics.histogram import Histogram
from vidproc.model import Outcome
from vidproc.scheduling import events as ev


def test_workers_beyond_the_first_so_many_are_counted_together() -> None:
    tally = Tally()
    for number in range(MOST_WORKERS + 2):
        tally.worker_joined(f"w{number}")
    for number in range(MOST_WORKERS + 2):
        tally.chunk_done(report(), f"w{number}", "original")
    assert len(tally.worker_frames) == MOST_WORKERS + 1
    assert tally.worker_frames[OTHERS] == 2 * FRAMES
    assert tally.frames == (MOST_WORKERS + 2) * FRAMES


def test_a_worker_that_leaves_makes_room_and_its_frames_stay_in_the_sum() -> None:
    tally = Tally()
    for number in range(MOST_WORKERS):
        tally.worker_joined(f"w{number}")
    tally.chunk_done(report(), "w0", "original")
    tally.worker_left("w0")
    tally.worker_joined("new")
    assert (tally.shown_as("w0"), tally.shown_as("new")) == (OTHERS, "new")
    assert tally.frames == FRAMES


def test_parts_and_reasons_that_nobody_knows_count_as_one() -> None:
    tally = Tally()
    for number in range(3):
        tally.chunk_done(replace(report(), seconds={f"part {number}": 1.0}), "w", "original")
        tally.lease_ended(Outcome.FAILED, f"code {number}")
    assert tally.slot_seconds == {"other": 3.0}
    assert tally.failures == {"internal": 3}


def test_a_retry_is_counted_when_it_is_granted_and_once(tmp_path: Path) -> None:
    async def main() -> None:
        dispatch = Dispatch()
        job, first, second = job_in(tmp_path, chunks=1), join(dispatch, "first"), join(dispatch, "second")
        submit(dispatch, job)
        dispatch.worker_lost(first if first.leases else second)
        left = second if not second.leases or first.leases else first
        await until(lambda: left.leases)
        assert dispatch.tally.failures == dispatch.tally.retries == {"worker-lost": 1}
        failed = ev.ChunkFailed(left.leases[-1].lease, "stalled", "slow", retryable=True)
        dispatch.lease_failed(failed)
        await until(lambda: dispatch.tally.retries.total() == 2)
        finish(dispatch, left.leases[-1].lease)
        assert dispatch.tally.retries == dispatch.tally.failures == {"worker-lost": 1, "stalled": 1}
        assert dispatch.tally.leases == {Outcome.LOST: 1, Outcome.FAILED: 1, Outcome.DONE: 1}
        assert dispatch.tally.frames == FRAMES
        dispatch.close()

    run(main())


def test_a_loop_that_is_held_is_seen_to_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidproc.coordinator.loop_lag._EVERY_S", 0.001)

    found = Histogram()

    async def main() -> None:
        lag = LoopLag(found)
        lag.start()
        await asyncio.sleep(0)
        time.sleep(0.05)  # noqa: ASYNC251 - which is what must not be done
        await until(lambda: found.percentile(100) > 0.04)
        lag.stop()

    run(main())
