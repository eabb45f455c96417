"""A chunk whose frames are each on their own account, in this process and in a slot's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.transport.places import run
from tests.worker.test_slot import failure, slot
from tests.worker.work import FOR_EVER, Work, at_frame, pixels
from vidproc.errors import FilterError
from vidproc.model import ChunkTask, Fallback, Fault, FilterCall, LeaseKind
from vidproc.protocol.framing import Limits, pack
from vidproc.protocol.messages import Result
from vidproc.worker.chunk import ChunkRunner
from vidproc.worker.slot import SlotFailure

RAISES = "raise ValueError('no')"
CALL = FilterCall(0, 5)


def isolated(task: ChunkTask) -> ChunkTask:
    return replace(task, kind=LeaseKind.FRAME)


@pytest.mark.media
def test_a_frame_that_raises_is_left_as_it_was_and_all_others_are_done(work: Work, runner: ChunkRunner) -> None:
    failing, fine = work.through(at_frame(5, RAISES)), work.through(at_frame(5, "frame = frame"))
    report, records = runner.run(isolated(failing.task(0)), failing.packets(0))
    (fallback,) = report.fallbacks
    assert (fallback.rank, report.fell_back) == (5, 1)
    assert fallback.reason.startswith("the custom filter failed: ValueError: no")
    assert pixels(report, records).keys() == pixels(*runner.run(fine.task(0), fine.packets(0))).keys()


@pytest.mark.media
def test_a_call_that_is_known_to_be_at_fault_is_not_made(work: Work, runner: ChunkRunner) -> None:
    """In a chunk that is not isolated too: this one's neighbour was."""
    raising, deadly = work.through(at_frame(5, RAISES)), work.through(at_frame(99, "os._exit(1)"))
    caught = runner.run(isolated(raising.task(0)), raising.packets(0))
    task = replace(deadly.task(0), faults=(Fault(CALL, "killed by SIGSEGV"),))
    report, records = runner.run(task, deadly.packets(0))
    assert records == caught[1], "the filter gives frames back as they are"
    assert report.fallbacks == (Fallback(5, "killed by SIGSEGV"),)


@pytest.mark.media
def test_a_chunk_that_is_not_isolated_fails_at_the_first(work: Work, runner: ChunkRunner) -> None:
    failing = work.through(at_frame(5, RAISES))
    with pytest.raises(FilterError, match="frame 5: the custom filter failed"):
        runner.run(failing.task(0), failing.packets(0))


@pytest.mark.media
def test_a_report_of_many_fits_into_a_message(work: Work, runner: ChunkRunner) -> None:
    raising = work.through(at_frame(0, "pass"), at_frame(0, "pass"))
    reasons = tuple(Fault(FilterCall(0, rank), "x" * 500) for rank in range(60))
    task, packets = raising.whole()
    report, records = runner.run(replace(task, faults=reasons), packets)
    assert (report.fell_back, len(report.fallbacks)) == (60, 50)
    header, *_ = pack(Result(1, len(records), "0" * 64, report).to_header())
    assert memoryview(header).nbytes < Limits().header


@pytest.mark.process
def test_it_is_done_by_a_process_of_its_own(work: Work) -> None:
    async def main() -> None:
        async with slot() as it:
            await it.run(work.task(0), work.packets(0))
            before = it.pid
            report, records = await it.run(isolated(work.task(0)), work.packets(0))
            assert it.pid != before
            assert records == work.expected(0)
            assert (report.fell_back, report.fallbacks) == (0, ())

    run(main())


@pytest.mark.process
@pytest.mark.parametrize("deed", [RAISES, "ctypes.string_at(0)", FOR_EVER], ids=["raises", "dies", "hangs"])
def test_a_failure_tells_in_which_filter_s_call_it_was(work: Work, deed: str) -> None:
    async def main() -> None:
        async with slot(frame_timeout=1.0) as it:
            failed = await failure(it, work.through(at_frame(99, "pass"), at_frame(5, deed)))
            assert failed.call == FilterCall(1, 5)

    run(main())


@pytest.mark.process
def test_and_that_it_was_in_none(work: Work) -> None:
    async def main() -> None:
        async with slot() as it:
            with pytest.raises(SlotFailure) as caught:
                await it.run(work.task(0), work.packets(0)[:100])
            assert caught.value.call is None

    run(main())
