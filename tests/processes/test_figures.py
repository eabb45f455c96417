"""What a family of processes uses."""

from __future__ import annotations

import os
import time

import pytest

from tests.transport.places import run, until
from vidproc.processes import figures
from vidproc.processes.child import Child, ChildLimits
from vidproc.processes.figures import Figures

NOBODY = 2**22 + 1
"""More than any process's number."""


def test_this_process_counts_and_those_that_are_gone_do_not() -> None:
    alone = Figures().of([])
    assert alone[1] > 1
    assert Figures().of([0, NOBODY, os.getpid()]) == pytest.approx(alone, rel=0.2, abs=1)


@pytest.mark.process
def test_a_busy_child_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        child = Child("the child", "tests.processes.children:count", ChildLimits())
        await child.start()
        try:
            monkeypatch.setattr(figures, "_EVERY_S", 0.0)
            family = Figures()
            await until(lambda: family.of([child.pid])[0] > 10)
            assert family.of([child.pid])[1] > Figures().of([])[1]
        finally:
            await child.close()

    run(main())


def test_looking_again_at_once_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    family, now = Figures(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    seen = family.of([])
    monkeypatch.setattr(Figures, "_look", lambda self, pids: pytest.fail("it looked again"))
    assert family.of([]) is seen
