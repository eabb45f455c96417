"""Numbers in shared memory."""

from __future__ import annotations

import time

import pytest

from tests.transport.places import run, until
from vidproc.model import FilterCall
from vidproc.processes.child import Child, ChildLimits
from vidproc.processes.gauge import Gauge


def test_what_was_set_is_read_with_the_time_of_it() -> None:
    gauge = Gauge()
    try:
        before = time.monotonic()
        gauge.set(3, 2)
        reading = gauge.read()
        assert (reading.frame, reading.finished) == (3, 2)
        assert before - 1e-6 <= reading.moved_at <= time.monotonic()
        gauge.start()
        assert (gauge.read().frame, gauge.read().finished) == (-1, 0)
        assert gauge.read().moved_at >= reading.moved_at
    finally:
        gauge.close()


def test_it_tells_which_filter_is_being_called_until_that_has_come_back() -> None:
    gauge = Gauge()
    try:
        gauge.start()
        assert gauge.read().call is None
        for call in (FilterCall(0, 12), FilterCall(3, 2**40, looks=True)):
            gauge.enter(call)
            gauge.set(11, 5)
            assert gauge.read().call == call
        gauge.leave()
        assert gauge.read().call is None
        gauge.enter(FilterCall(0, 13))
        gauge.start()
        assert gauge.read().call is None, "that was another task's"
    finally:
        gauge.close()


@pytest.mark.process
def test_a_reader_never_sees_half_of_what_a_child_writes() -> None:
    async def main() -> None:
        child = Child("the child", "tests.processes.children:count", ChildLimits())
        await child.start()
        try:
            await until(lambda: child.gauge.read().finished)
            began = time.monotonic()
            for _ in range(200_000):
                reading = child.gauge.read()
                assert (reading.frame, reading.finished) == (7, 7)
                assert reading.moved_at > began - 60
        finally:
            await child.close()

    run(main())
