"""The adaptive rate limit, on a machine of numbers and on this one."""

from __future__ import annotations

import subprocess
import sys
from math import inf

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.places import run, until
from vidproc.worker.adaptive import Load, Steering
from vidproc.worker.machine_load import MachineLoad

FULL = 100.0
"""Frames a second with all cores to ourselves."""

BUSY_WITH_US = Load(others=0.0, idle=0.0)
CROWDED = Load(others=0.5, idle=0.0)


def second(it: Steering, wanted: float) -> tuple[Load, float]:
    """One on a machine of which others want that part: who wants more than half gets what is left of it."""
    ours = min(it.limit / FULL, 1.0, max(1.0 - wanted, 0.5))
    others = min(wanted, 1.0 - ours)
    return Load(others, max(0.0, 1.0 - ours - others)), ours * FULL


def play(it: Steering, wanted: float, seconds: int) -> tuple[Steering, float, float]:
    """What becomes of it, and what we and others had of the machine on average."""
    had = [0.0, 0.0]
    for _ in range(seconds):
        load, rate = second(it, wanted)
        had[0], had[1] = had[0] + rate / FULL / seconds, had[1] + load.others / seconds
        it = it.after(load, rate)
    return it, had[0], had[1]


@pytest.mark.unit
def test_cores_that_are_busy_with_nothing_else_are_no_reason_to_step_back() -> None:
    assert play(Steering(), 0.0, 100)[0] == Steering(inf, FULL)


@pytest.mark.unit
def test_it_takes_what_others_leave() -> None:
    it, _, _ = play(Steering(), 0.5, 20)
    _, ours, others = play(it, 0.5, 200)
    assert others > 0.47
    assert ours > 0.38


@pytest.mark.unit
def test_it_steps_back_from_who_takes_all_but_not_to_nothing_and_comes_back() -> None:
    crowded, _, _ = play(Steering(highest=FULL), 1.0, 12)
    assert crowded.limit == FULL / 20
    free, _, _ = play(crowded, 0.0, 10)
    assert FULL / 3 < free.limit < inf
    free, _, _ = play(free, 0.0, 12)
    assert free.limit == inf


@pytest.mark.unit
def test_before_anything_was_done_there_is_nothing_to_step_back_from() -> None:
    assert Steering().after(CROWDED, 0.0) == Steering()
    assert Steering().after(CROWDED, 50.0).limit == pytest.approx(35.0)


@pytest.mark.unit
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1e4))))
def test_it_never_falls_to_zero(seconds: list[tuple[float, float, float]]) -> None:
    it = Steering()
    for others, idle, rate in seconds:
        it = it.after(Load(others, idle), rate)
        assert it.limit >= it.highest / 20
        assert it.limit > 0


@pytest.mark.process
def test_what_a_process_of_ours_uses_is_not_others() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            with_it, without = MachineLoad(), MachineLoad()
            times = psutil.Process(busy.pid).cpu_times
            run(until(lambda: times().user > 0.3))
            ours, theirs = with_it.look([busy.pid]), without.look([])
        finally:
            busy.kill()
    assert 0.0 <= ours.others < theirs.others <= 1.0
    assert 0.0 <= ours.idle <= 1.0
    with_it.look([busy.pid])  # gone
