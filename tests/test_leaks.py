"""The leak check sees each kind of leak, and lets pass what is none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import psutil
import pytest

from tests.leaks import Belongings, left_behind
from vidproc.processes import fork_server

WAIT_FOR_INPUT = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def before() -> Iterator[Belongings]:
    """What was held at the start; by the end, all that the test let go must have been seen to go."""
    start = Belongings.now()
    yield start
    assert left_behind(start) == []


def test_finds_a_descriptor(before: Belongings, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w"):
        assert left_behind(before, limit_s=0.05)[0].endswith("/open")


def test_finds_a_thread(before: Belongings) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten")
    thread.start()
    try:
        assert left_behind(before, limit_s=0.05) == ["thread forgotten"]
    finally:
        stop.set()
        thread.join()


def test_finds_a_process(before: Belongings) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAIT_FOR_INPUT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert any(line.startswith(f"process {child.pid}: ") for line in left_behind(before, limit_s=0.05))
        child.communicate()


def test_finds_an_orphan(before: Belongings) -> None:
    """Started by a program that is gone, and so no descendant of this process."""
    reading, writing = os.pipe()
    start = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=2).pid)"
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", start, WAIT_FOR_INPUT],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        orphan = psutil.Process(int(done.stdout))
        assert psutil.Process() not in orphan.parents()
        assert any(line.startswith(f"process {orphan.pid}: ") for line in left_behind(before, limit_s=0.05))
    finally:
        os.close(reading)
        os.close(writing)


def test_what_a_program_that_runs_on_has_started_is_its_own() -> None:
    start = (
        "import subprocess, sys; input(); subprocess.Popen([sys.executable, '-c', sys.argv[1]]);"
        "print(flush=True); input()"
    )
    command = [sys.executable, "-W", "ignore", "-c", start, WAIT_FOR_INPUT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        before = Belongings.now()
        program.stdin.write(b"\n")
        program.stdin.flush()
        program.stdout.readline()
        assert psutil.Process(program.pid).children()
        assert left_behind(before, limit_s=0.05) == []


def test_finds_a_block_of_shared_memory(before: Belongings) -> None:
    block = SharedMemory(create=True, size=4096)
    try:
        assert f"shared memory {block.name}" in left_behind(before, limit_s=0.05)
    finally:
        block.close()
        block.unlink()


def test_finds_a_temporary_file(before: Belongings) -> None:
    descriptor, name = tempfile.mkstemp()
    os.close(descriptor)
    try:
        assert left_behind(before, limit_s=0.05) == [f"temporary file {os.path.basename(name)}"]
    finally:
        os.unlink(name)


def test_finds_a_temporary_file_of_a_program(before: Belongings) -> None:
    make = "import tempfile; print(tempfile.mkdtemp(), end='')"
    name = subprocess.run([sys.executable, "-c", make], stdout=subprocess.PIPE, check=True, text=True).stdout
    try:
        assert left_behind(before, limit_s=0.05) == [f"temporary file {os.path.basename(name)}"]
    finally:
        os.rmdir(name)


def test_a_block_that_another_program_uses_is_not_ours(before: Belongings) -> None:
    """A process outside our tree is one without our mark and whose parent is gone."""
    hold = (
        "import sys; from multiprocessing.shared_memory import SharedMemory;"
        "block = SharedMemory(create=True, size=4096); print(block.name, flush=True);"
        "sys.stdin.read(); block.close(); block.unlink()"
    )
    start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])"
    reading, writing = os.pipe()
    out, into = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", start, hold], stdin=reading, stdout=into, check=True, env={}
        )
        name = os.read(out, 100).decode().strip()
        assert name in os.listdir("/dev/shm")
        assert left_behind(before, limit_s=0.05) == [
            line for line in left_behind(before, limit_s=0) if line.startswith("descriptor ")
        ]
    finally:
        for number in (reading, writing, out, into):
            os.close(number)


def test_lets_the_servers_of_multiprocessing_be(before: Belongings) -> None:
    child = fork_server.launch(os.getpid, (), "a child")
    child.wait()
    child.close()


def test_waits_for_what_is_going_away(before: Belongings) -> None:
    thread = threading.Timer(0.05, lambda: None)
    thread.start()
    assert left_behind(before) == []


def test_what_only_the_collector_holds_is_let_go(before: Belongings) -> None:
    block = SharedMemory(create=True, size=4096)
    block.unlink()
    cycle: list[object] = [block]
    cycle.append(cycle)
    del block, cycle
    assert left_behind(before) == []
