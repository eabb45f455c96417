"""One slot through good and bad: real processes, real signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from tests.transport.places import run, until
from tests.worker.work import FOR_EVER, LINE_OF_THE_DEED, Work, at_frame, until_there
from vidproc.errors import FilterError, StalledError, WorkerError
from vidproc.processes.child import ChildDiedError, ChildLimits
from vidproc.worker import slot as slot_module
from vidproc.worker.slot import Slot, SlotFailure

pytestmark = pytest.mark.process

NO_LIMIT_S = 60.0
GIB = 2**30


@contextlib.asynccontextmanager
async def slot(frame_timeout: float = NO_LIMIT_S, memory: int = 4 * GIB) -> AsyncIterator[Slot]:
    made = Slot("slot 0", frame_timeout, ChildLimits(memory))
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def failure(it: Slot, work: Work, index: int = 0) -> SlotFailure:
    with pytest.raises(SlotFailure) as caught:
        await it.run(work.task(index), work.packets(index))
    return caught.value


async def works(it: Slot, work: Work) -> None:
    """It gives the bytes that this process would."""
    for index in (0, 1):
        report, records = await it.run(work.task(index), work.packets(index))
        assert report.frames == 12
        assert records == work.expected(index)


def test_it_does_what_a_runner_does_and_keeps_its_decoder_open(work: Work, one_keyframe: Work) -> None:
    async def main() -> None:
        async with slot() as it:
            assert {"vidproc", "opencv", "ffmpeg", "numpy", "machine"} <= it.versions.keys()
            await works(it, work)
            for index in (0, 1, 2):
                task = one_keyframe.task(index, continues=index > 0)
                _, records = await it.run(task, bytearray(one_keyframe.packets(index, continues=index > 0)))
                assert records == one_keyframe.expected(index)

    run(main())


@pytest.mark.parametrize("by", ["SIGKILL", "SIGSEGV"])
def test_it_dies_in_mid_chunk_and_is_replaced(work: Work, by: str) -> None:
    async def main() -> None:
        async with slot() as it:
            deed = FOR_EVER if by == "SIGKILL" else "ctypes.string_at(0)"
            failing = asyncio.create_task(failure(it, work.through(at_frame(7, deed))))
            if by == "SIGKILL":
                await until(lambda: it.reading.frame == 7)
                os.kill(it.pid, signal.SIGKILL)
            failed = await failing
            assert isinstance(failed.error, ChildDiedError)
            assert str(failed) == f"slot 0 was killed by {by}"
            assert (failed.frame, failed.slot_lost) == (7, True)
            await works(it, work)

    run(main())


def test_a_filter_that_hangs_is_stopped_at_the_limit_and_the_frame_is_named(work: Work) -> None:
    async def main() -> None:
        async with slot(frame_timeout=1.5) as it:
            failed = await failure(it, work.through(at_frame(17, FOR_EVER, start=12)), index=1)
            assert isinstance(failed.error, StalledError)
            assert str(failed) == "frame 17: it took longer than 1.5 s (--frame-timeout)"
            assert (failed.frame, failed.slot_lost) == (17, True)
            await works(it, work)

    run(main())


def test_a_process_that_was_stopped_is_killed_at_the_limit_even_if_it_takes_no_packets(work: Work) -> None:
    async def main() -> None:
        async with slot(frame_timeout=0.5) as it:
            os.kill(it.pid, signal.SIGSTOP)
            with pytest.raises(SlotFailure, match="the start of a chunk took longer than") as caught:
                await it.run(work.task(0), bytes(16 * 2**20))
            assert (caught.value.frame, caught.value.slot_lost) == (-1, True)

    run(main())


@pytest.mark.parametrize(
    ("deed", "error", "said"),
    [
        ("raise ValueError('no more')", FilterError, f"ValueError: no more (line {LINE_OF_THE_DEED})"),
        ("bytearray(8 << 30)", FilterError, f"(line {LINE_OF_THE_DEED}); raise the worker's --memory-limit"),
        ("return None", FilterError, "the custom filter returned None: it must return the frame"),
        ("return frame[:4]", FilterError, "it must return an array of uint8, 64 x 96 x 3 (BGR) or 64 x 96 (gray)"),
        ("raise SystemExit(3)", FilterError, f"SystemExit: 3 (line {LINE_OF_THE_DEED})"),
        ("raise ValueError('x' * 300_000)", FilterError, "ValueError: xxx"),
    ],
)
def test_a_filter_that_fails_costs_the_chunk_and_not_the_process(
    work: Work, deed: str, error: type[WorkerError], said: str
) -> None:
    async def main() -> None:
        async with slot() as it:
            pid = it.pid
            failed = await failure(it, work.through(at_frame(5, deed)))
            assert type(failed.error) is error
            assert str(failed).startswith("frame 5: ")
            assert said in str(failed)
            assert len(str(failed)) <= 2000
            assert (failed.frame, failed.slot_lost) == (5, False)
            await works(it, work)
            assert it.pid == pid

    run(main())


def test_the_traceback_of_a_filter_that_fails_is_for_who_wants_it(work: Work) -> None:
    async def main() -> None:
        async with slot() as it:
            with capture_logs() as logs:
                await failure(it, work.through(at_frame(5, "raise ValueError('no more')")))
            (said,) = logs
            assert (said["log_level"], said["process"]) == ("debug", "slot 0")
            assert f"line {LINE_OF_THE_DEED}, in " in said["exception"]
            assert "ValueError: no more" in said["exception"]

    run(main())


def test_a_decoder_that_is_not_open_is_said_not_to_be(one_keyframe: Work) -> None:
    async def main() -> None:
        async with slot() as it:
            with pytest.raises(SlotFailure, match="decoder is not open") as caught:
                await it.run(one_keyframe.task(1, continues=True), one_keyframe.packets(1, continues=True))
            assert (caught.value.error.retryable, caught.value.slot_lost) == (True, False)

    run(main())


def test_a_run_that_is_cancelled_kills_the_process_and_the_next_does_not_wait_for_it(work: Work) -> None:
    async def main() -> None:
        async with slot() as it:
            hanging = work.through(at_frame(3, FOR_EVER))
            running = asyncio.create_task(it.run(hanging.task(0), hanging.packets(0)))
            await until(lambda: it.reading.frame == 3)
            process = psutil.Process(it.pid)
            running.cancel()
            await works(it, work)
            assert running.cancelled()
            assert not process.is_running()

    run(main())


def test_a_failure_at_the_moment_of_a_cancellation_is_no_news() -> None:
    """Python would print it, long after, as one that nobody has looked at."""
    unseen: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        async with slot() as it:
            assert it._child is not None
            fails = asyncio.Event()

            async def failing() -> None:
                await fails.wait()
                raise SlotFailure(FilterError("no"), 3, slot_lost=False)

            asking = asyncio.create_task(it._within_limit(it._child, failing()))
            for _ in range(5):
                await asyncio.sleep(0)
            fails.set()
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            del asking, failing
            gc.collect()

    run(main())
    assert unseen == []


def test_what_waits_for_its_turn_can_be_cancelled_too(work: Work, tmp_path: Path) -> None:
    async def main() -> None:
        async with slot() as it:
            held = work.through(at_frame(3, until_there(tmp_path / "gate")))
            first, second = (asyncio.create_task(it.run(held.task(0), held.packets(0))) for _ in range(2))
            await until(lambda: it.reading.frame == 3)
            second.cancel()
            (tmp_path / "gate").touch()
            assert (await first)[0].frames == 12
            with pytest.raises(asyncio.CancelledError):
                await second

    run(main())


def test_it_says_when_a_process_cannot_even_begin(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        it = Slot("slot 0", NO_LIMIT_S, ChildLimits(4 * GIB))
        monkeypatch.setattr(slot_module, "_ENTRY", "tests.worker.children:stillborn")
        with pytest.raises(ChildDiedError, match="slot 0 ended with exit code 5"):
            await it.start()
        failed = await failure(it, work)
        assert (failed.frame, failed.slot_lost) == (-1, True)
        monkeypatch.undo()
        await works(it, work)
        await it.close()

    run(main())


def test_a_process_that_talks_nonsense_is_not_kept(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(slot_module, "_ENTRY", "tests.worker.children:nonsense")
        async with slot() as it:
            monkeypatch.undo()
            with pytest.raises(KeyError):
                await it.run(work.task(0), work.packets(0))
            await works(it, work)

    run(main())
