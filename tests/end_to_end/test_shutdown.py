"""Asked to stop, once and twice: what runs is finished, and whoever is asked again goes at once; nothing is left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.heavy import heavy
from tests.end_to_end.programs import Cluster, Program, cluster, gone, measured, sha256, until
from tests.end_to_end.proxy import proxy

pytestmark = pytest.mark.process
MIB = 2**20


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "own") as made:
        yield made


def whole(sending: Program, out: Path, expected: str) -> None:
    assert sending.wait() == 0, sending.said
    assert sha256(out) == expected


def test_a_service_manager_asks_all_processes_of_a_worker(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    leaving = own.add_worker(2, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached(2)
    for process in (*leaving.family(), leaving):
        (process.signal if isinstance(process, Program) else process.send_signal)(signal.SIGTERM)
    leaving.saying("draining")
    gate.open()
    assert leaving.wait() == 0
    own.add_worker(1, "--allow-custom")
    whole(sending, tmp_path / "out.mp4", plain)
    assert own.log("chunk failed") == []


def test_a_worker_waits_for_no_longer_than_it_was_told(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    leaving = own.add_worker(1, "--allow-custom", "--drain-timeout", 0.2)
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    leaving.signal(signal.SIGTERM)
    assert leaving.wait() == 0
    assert "leases were not done in time; others will do them" in leaving.said
    gate.open()
    own.add_worker(1, "--allow-custom")
    whole(sending, tmp_path / "out.mp4", plain)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_worker_that_is_asked_twice(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, number: int
) -> None:
    leaving = own.add_worker(1, "--allow-custom", "--drain-timeout", 1000)
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    family = leaving.family()
    leaving.signal(number)
    leaving.saying("draining")
    leaving.signal(number)
    assert leaving.wait() in (-number, 128 + number)
    assert "Traceback" not in leaving.said
    until(lambda: gone(family), "its slots to end")
    gate.open()
    own.add_worker(1, "--allow-custom")
    whole(sending, tmp_path / "out.mp4", plain)


@contextlib.contextmanager
def stalled_peers(own: Cluster, film: Path, gate: Gate, folder: Path) -> Iterator[None]:
    """A connection that says nothing, a worker that has stopped in a chunk, and a client that takes no film."""
    large = heavy(folder / "large.mkv", 12 * MIB)
    with proxy(own.port) as line, socket.create_connection(("127.0.0.1", own.port)):
        line.down.stop_at = MIB
        own.add_worker(1, "--allow-custom")
        taking = own.sending(large, folder / "large-out.mkv", port=line.port)
        until(lambda: line.down.stops, "the client to stop taking")
        worker, sending = own.programs[1], own.sending(film, folder / "out.mp4", "--filter", gate.filter)
        gate.reached()
        worker.signal(signal.SIGSTOP)
        sending.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for program in (worker, sending, taking):
                program.end()


@pytest.mark.long
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_a_coordinator_among_stalled_peers(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, times: int
) -> None:
    with stalled_peers(own, film, gate, tmp_path):
        family, asked = own.coordinator.family(), time.monotonic()
        own.coordinator.signal(signal.SIGTERM)
        until(lambda: not own.unix.exists(), "the coordinator to hear")
        if times == 2:
            own.coordinator.signal(signal.SIGTERM)
        assert own.coordinator.wait(10) == (0 if times == 1 else -signal.SIGTERM)
        measured(f"a coordinator among stalled peers, asked {times} times, ends", asked)
        assert "Traceback" not in own.coordinator.said
        until(lambda: gone(family), "its processes to end")


# Killed


@pytest.mark.parametrize("name", ["worker", "coordinator"])
def test_what_a_killed_daemon_has_started_ends_with_it_and_no_file_is_left(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, name: str
) -> None:
    worker = own.add_worker(2, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached(2)
    family, killed = (worker if name == "worker" else own.coordinator).kill(), time.monotonic()
    assert len(family) >= 2
    until(lambda: gone(family), "its processes to end")
    measured(f"the processes of a {name} that was killed end", killed)
    assert own_files() == []
    if name == "worker":
        own.add_worker(1, "--allow-custom")
    else:
        own.start_coordinator(port=own.port)
    gate.open()
    whole(sending, tmp_path / "out.mp4", plain)


def test_what_a_killed_run_has_left_goes_when_the_next_one_starts(
    film: Path, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    words = ("-o", tmp_path / "out.mp4", "--processes", 2)
    killed = Program("run", film, *words, "--filter", gate.filter, folder=tmp_path)
    try:
        gate.reached(2)
        family = killed.kill()
    finally:
        killed.end()
    until(lambda: gone(family), "its processes to end")
    assert len(os.listdir(tmp_path / "tmp")) == 1
    after = Program("run", film, *words, folder=tmp_path)
    assert after.wait() == 0, after.said
    assert os.listdir(tmp_path / "tmp") == []


def own_files() -> list[str]:
    return [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(("vidproc", "pymp"))]
