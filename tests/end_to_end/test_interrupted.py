"""Ctrl-C and SIGTERM, to clients and to daemons: soon over, nothing left, and the exit code says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, Start, behind, cluster, sha256, until

pytestmark = pytest.mark.process
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
OF_A_DAEMON = {signal.SIGINT: 130, signal.SIGTERM: 0}
"""How a daemon ends that was asked to: it was interrupted, or it has been stopped as service managers do."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "own") as made:
        made.add_worker(1, "--allow-custom")
        yield made


def outputs(folder: Path) -> list[str]:
    """What lies where the result was to go, temporary names too."""
    return [path.name for path in folder.iterdir() if "out" in path.name]


@SIGNALS
def test_a_client_in_mid_job_cancels_it(
    shared: Cluster, film: Path, gate: Gate, tmp_path: Path, number: int
) -> None:
    sending = shared.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached(2)
    sending.signal(number)
    assert sending.wait(15) == 130
    assert sending.said.splitlines()[-1] == "interrupted"
    shared.nothing_left()
    assert shared.log("job ended")[-1]["state"] == "cancelled"
    assert outputs(tmp_path) == []
    assert shared.send(film, tmp_path / "out.mp4").code == 0, "the slots are free again"


def holds_file_in(folder: Path, pid: int) -> bool:
    """Whether the process has a file open there, under whatever name or none."""
    held = (os.path.realpath(link) for link in Path(f"/proc/{pid}/fd").iterdir())
    return any(os.path.dirname(path) == str(folder) for path in held)


@SIGNALS
def test_a_client_that_reads_standard_input(shared: Cluster, tmp_path: Path, number: int) -> None:
    spool = tmp_path / "tmp"
    spool.mkdir()
    environment = {**os.environ, "TMPDIR": str(spool)}
    sending = shared.sending("-", tmp_path / "out.mp4", stdin=subprocess.PIPE, env=environment)
    assert sending.process.stdin is not None
    sending.process.stdin.write(b"beginning")
    sending.process.stdin.flush()
    until(
        lambda: holds_file_in(spool, sending.process.pid) and not list(spool.iterdir()),
        "the client to take the film, of which nothing would be left if it were killed",
    )
    sending.signal(number)
    assert sending.wait(15) == 130
    sending.process.stdin.close()
    assert "Traceback" not in sending.said
    assert list(spool.iterdir()) == []


@SIGNALS
def test_a_client_that_waits_for_a_named_pipe(shared: Cluster, film: Path, tmp_path: Path, number: int) -> None:
    """It holds no job, so all that can end the wait is the signal itself."""
    pipe = tmp_path / "filter.py"
    os.mkfifo(pipe)
    sending = shared.sending(film, tmp_path / "out.mp4", "--filter", pipe)

    def opened() -> int:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            return 0

    writing = until(opened, "the client to read the filter")
    client = psutil.Process(sending.process.pid)
    try:
        until(lambda: client.status() == psutil.STATUS_SLEEPING, "the client to wait for it")
        sending.signal(number)
        assert sending.wait(15) == 130
    finally:
        os.close(writing)
    assert outputs(tmp_path) == []


def test_a_client_that_waits_for_a_coordinator(own: Cluster, film: Path, gate: Gate, tmp_path: Path) -> None:
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    own.coordinator.end()
    sending.saying("connection lost")
    sending.signal(signal.SIGINT)
    assert sending.wait(15) == 130
    assert outputs(tmp_path) == []


@SIGNALS
def test_a_run(start: Start, film: Path, gate: Gate, tmp_path: Path, number: int) -> None:
    spool = tmp_path / "tmp"
    spool.mkdir()
    environment = {**os.environ, "TMPDIR": str(spool)}
    words = (film, "-o", tmp_path / "out.mp4", "--filter", gate.filter, "--processes", 2)
    running = start("run", *words, env=environment)
    gate.reached(2)
    running.signal(number)
    assert running.wait(15) == 130
    assert running.said.splitlines()[-1] == "interrupted"
    assert outputs(tmp_path) == []
    assert list(spool.iterdir()) == []


def test_a_whole_terminal(start: Start, film: Path, gate: Gate, tmp_path: Path) -> None:
    """Ctrl-C reaches every process of the group at once."""
    words = (film, "-o", tmp_path / "out.mp4", "--filter", gate.filter, "--processes", 2)
    running = start("run", *words)
    gate.reached(2)
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.wait(15) == 130
    assert [line for line in running.said.splitlines() if "running" not in line][-1] == "interrupted"
    assert "Traceback" not in running.said


@SIGNALS
def test_a_worker_finishes_what_it_has(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, number: int
) -> None:
    leaving = own.programs[-1]
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    leaving.signal(number)
    leaving.saying("draining")
    sending.saying("running")
    gate.open()
    assert leaving.wait(10) == OF_A_DAEMON[signal.Signals(number)]
    own.add_worker(1, "--allow-custom")
    assert sending.wait() == 0
    assert sha256(tmp_path / "out.mp4") == plain
    assert own.log("chunk failed") == []


def test_a_worker_without_a_coordinator(start: Start) -> None:
    worker = start("worker", "--port", 1, "--processes", 1)
    worker.saying("no coordinator")
    worker.signal(signal.SIGTERM)
    assert worker.wait(15) == 0


def test_a_coordinator_lets_slots_finish_what_they_have_in_hand(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    figures = tmp_path / "figures.json"
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter, "--metrics-json", figures)
    gate.reached()
    own.coordinator.signal(signal.SIGTERM)
    own.coordinator.saying("chunks in hand are waited for")
    gate.open()
    assert own.coordinator.wait(10) == 0
    own.start_coordinator(port=own.port)
    assert sending.wait() == 0
    assert sha256(tmp_path / "out.mp4") == plain
    assert json.loads(figures.read_text())["restarts"]["chunks_kept"] > 0


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Cluster]:
    """Asked to stop, it does not wait its five seconds for what slots have in hand."""
    with cluster(tmp_path / "own", door=behind("coordinator", "vidproc.coordinator.server._DRAIN_S", 0.2)) as made:
        made.add_worker(1, "--allow-custom")
        yield made


@SIGNALS
def test_a_coordinator_in_mid_job(
    impatient: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, number: int
) -> None:
    """Its jobs are not cancelled: their clients wait for it to come back, and go on."""
    sending = impatient.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    impatient.coordinator.signal(number)
    assert impatient.coordinator.wait(10) == OF_A_DAEMON[signal.Signals(number)]
    assert not impatient.unix.exists()
    sending.saying("connection lost")
    gate.open()
    impatient.start_coordinator(port=impatient.port)
    assert sending.wait() == 0
    assert sha256(tmp_path / "out.mp4") == plain
