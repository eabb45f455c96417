from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vidproc import cgroups
from vidproc.checks import machine
from vidproc.checks.finding import Level


def test_more_processes_than_cores_is_a_warning() -> None:
    whole = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(whole)})
        (found,) = machine.cores(2)
        assert found.level is Level.WARNING
        assert found.advice == "give the worker --processes 1"
        assert [each.level for each in machine.cores(1)] == [Level.OK]
    finally:
        os.sched_setaffinity(0, whole)


@pytest.mark.parametrize(
    ("files", "membership", "limit"),
    [
        ({"a/memory.max": "1073741824\n", "memory.max": "max\n"}, "0::/a/b\n", 2**30),
        ({"a/memory.max": "1000\n", "a/b/memory.max": "500\n"}, "0::/a/b\n", 500),
        ({"memory/job/memory.limit_in_bytes": "4096\n"}, "5:memory:/job\n4:cpu,cpuacct:/job\n", 4096),
        ({}, "", math.inf),
    ],
)
def test_the_least_memory_that_a_control_group_grants(
    tmp_path: Path, files: dict[str, str], membership: str, limit: float
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine.memory_limit(tmp_path, membership) == limit


def test_little_memory_is_a_warning_with_fewer_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text(str(3 * machine.SLOT_BYTES))
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path)
    monkeypatch.setattr(cgroups, "membership", lambda: "0::/\n")
    (found,) = machine.memory(8)
    assert found.level is Level.WARNING
    assert "--processes 3" in found.advice
    assert [each.level for each in machine.memory(3)] == [Level.OK]


def test_shared_memory_is_tried_and_let_go() -> None:
    assert [each.level for each in machine.shared_memory()] == [Level.OK]


_LOOK = "from vidproc.checks.machine import descriptors; print(*[each.level for each in descriptors({})])"


@pytest.mark.process
@pytest.mark.parametrize(
    ("limit", "connections", "level"),
    [(4352, 4096, "ok"), (4351, 4096, "warning"), (512, 0, "ok"), (255, 0, "problem")],
)
def test_the_limit_of_open_files(limit: int, connections: int, level: str) -> None:
    """In a process of its own: nobody but a privileged one could raise it again."""
    command = ["sh", "-c", f'ulimit -n {limit} && exec "$@"', "sh", sys.executable, "-c", _LOOK.format(connections)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{level}\n"


@pytest.mark.process
@pytest.mark.parametrize(
    ("kib", "wanted", "level"), [(4 << 20, 4 << 30, "ok"), (4 << 20, 0, "warning"), (1 << 20, 4 << 30, "warning")]
)
def test_the_limit_of_address_space(kib: int, wanted: int, level: str) -> None:
    look = f"from vidproc.checks.machine import address_space; print(*[each.level for each in address_space({wanted})])"
    command = ["sh", "-c", f'ulimit -v {kib} && exec "$@"', "sh", sys.executable, "-c", look]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{level}\n"


def test_a_clock_that_was_set_and_one_that_was_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time(), time.monotonic()
    assert [each.level for each in machine.clock(now)] == [Level.OK]
    (set_,) = machine.clock((now[0] - 3600, now[1]))
    assert set_.level is Level.WARNING
    assert "+3600" in set_.said
    monkeypatch.setattr(machine.time, "time", lambda: 86400.0)
    (early,) = machine.clock((86400.0, time.monotonic()))
    assert early.level is Level.PROBLEM
