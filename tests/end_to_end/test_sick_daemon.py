"""A daemon whose slots have no memory to work with, beside one that is well: no job is the worse for it but in time."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Program, Start, cluster, sha256

pytestmark = pytest.mark.process


def starve(daemon: Program) -> None:
    """Kill its slots, and leave those that replace them hardly more address space than they begin with."""
    for server in psutil.Process(daemon.process.pid).children():
        limit = server.memory_info().vms + 2**20
        resource.prlimit(server.pid, resource.RLIMIT_AS, (limit, limit))
        for slot in server.children():
            slot.kill()


def test_beside_a_healthy_daemon_it_fails_no_job(film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    gate.open()
    with cluster(tmp_path / "cluster") as it:
        sick = it.add_worker(1, "--allow-custom", "--name", "sick")
        it.add_worker(1, "--allow-custom", "--name", "well")
        starve(sick)
        for number in range(3):
            out = tmp_path / f"{number}.mp4"
            assert it.send(film, out, "--filter", gate.filter, "--quiet").code == 0
            assert sha256(out) == plain
        failures = it.log("chunk failed")
        assert {failure["worker"] for failure in failures} == {"sick"}
        assert max(failure["attempt"] for failure in failures) == 1
        assert "Traceback" not in sick.said


def test_alone_it_fails_the_job_and_says_why(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster") as it:
        sick = it.add_worker(2)
        starve(sick)
        outcome = it.send(film, tmp_path / "out.mp4", "--quiet")
        assert outcome.code == 2
        assert "of address space are too little" in outcome.complaint
        assert "4 attempts" in outcome.complaint
        assert "Traceback" not in sick.said


def test_a_limit_that_no_slot_can_start_with_is_refused(start: Start) -> None:
    worker = start("worker", "--port", 1, "--processes", 2, "--memory-limit", "200MiB")
    assert worker.wait() == 2
    assert worker.said.startswith("error: 200 MiB of address space are too little")
    assert len(worker.said.splitlines()) == 1
