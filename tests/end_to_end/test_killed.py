"""SIGKILL in the middle of a job, to anyone: the film comes out with the same bytes, or the job ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.heavy import heavy
from tests.end_to_end.programs import Cluster, Program, cluster, measured, sha256, until
from tests.end_to_end.proxy import proxy

pytestmark = pytest.mark.process


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """A coordinator of the test's own, for blows that outlast a job."""
    with cluster(tmp_path) as made:
        yield made


def whole(sending: Program, out: Path, expected: str) -> None:
    assert sending.wait() == 0, sending.said
    assert sha256(out) == expected


def test_a_slot(own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    own.add_worker(2, "--allow-custom")
    figures = tmp_path / "figures.json"
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter, "--metrics-json", figures)
    os.kill(gate.reached(2)[0], signal.SIGKILL)
    own_log = until(lambda: own.log("chunk failed"), "the coordinator to hear of it")
    gate.open()
    whole(sending, tmp_path / "out.mp4", plain)
    assert "SIGKILL" in own_log[0]["error"]
    retries = json.loads(figures.read_text())["retries"]
    assert retries["total"] == 1
    assert len(retries["by_frame"]) == 1


def test_the_processes_of_a_daemon_that_only_just_starts(own: Cluster, film: Path, tmp_path: Path) -> None:
    """First the fork server, which is busy with imports, then the slot."""
    worker = own.start("worker", *own.by_tcp, "--processes", 1, "--allow-custom", "--log-format", "json")
    server = until(lambda: [it for it in worker.family() if "forkserver" in str(it.cmdline())], "a fork server")[0]
    server.kill()
    slot = until(lambda: [it for it in worker.family() if it.ppid() != worker.process.pid], "a slot")[0]
    slot.kill()
    worker.saying('"connected"')
    assert own.send(film, tmp_path / "out.mp4").code == 0


def leased(own: Cluster, worker: str) -> set[int]:
    """The chunks that it was given, by a log with all that is in it."""
    return {line["chunk"] for line in own.log("lease") if line["worker"] == worker}


def test_a_daemon(film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    """What it had in hand and ahead goes to the other one."""
    with cluster(tmp_path / "own", "--log-level", "debug") as own:
        doomed, _ = (own.add_worker(1, "--allow-custom", "--name", name) for name in ("doomed", "other"))
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached(2)
        doomed.end()
        ended = time.monotonic()
        until(lambda: own.log("worker left"), "the coordinator to notice")
        gate.open()
        until(lambda: leased(own, "doomed") <= leased(own, "other"), "the other one to have all its chunks")
        measured("a killed daemon's chunks are given out again", ended)
        whole(sending, tmp_path / "out.mp4", plain)


def test_a_daemon_that_falls_silent_and_wakes_up_late(
    film: Path, gate: Gate, tmp_path: Path, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It still has its lease's result to give, which nobody wants any more."""
    monkeypatch.setenv("VIDPROC_COORDINATOR_HEARTBEAT_S", "0.3")
    monkeypatch.setenv("VIDPROC_COORDINATOR_SILENCE_S", "1.5")
    with cluster(tmp_path / "own") as own:
        sleepy, _ = own.add_worker(1, "--allow-custom"), own.add_worker(1, "--allow-custom")
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached(2)
        sleepy.signal(signal.SIGSTOP)
        own.coordinator.saying('"worker left"')
        gate.open()
        whole(sending, tmp_path / "out.mp4", plain)
        sleepy.signal(signal.SIGCONT)
        until(lambda: len(own.log("worker joined")) == 3, "the daemon to come back")
        assert own.send(film, tmp_path / "again.mp4", "--filter", gate.filter).code == 0
    assert sha256(tmp_path / "again.mp4") == plain


def test_the_only_daemon_and_another_joins(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    doomed = own.add_worker(1, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    doomed.end()
    sending.saying("waiting: no worker daemon is connected")
    gate.open()
    own.add_worker(1, "--allow-custom")
    whole(sending, tmp_path / "out.mp4", plain)


def test_the_media_process(own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    own.add_worker(1, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    for process in own.media_processes():  # the job's, and the next one's
        process.kill()
    gate.open()
    own.coordinator.saying("media process lost")
    whole(sending, tmp_path / "out.mp4", plain)


def test_the_client(film: Path, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not come back, so after a while its job makes way for others."""
    monkeypatch.setenv("VIDPROC_COORDINATOR_CLIENT_PATIENCE", "0.4")
    with cluster(tmp_path / "own") as own:
        own.add_worker(1, "--allow-custom")
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached()
        sending.end()
        own.nothing_left()
        assert own.log("job ended")[0]["state"] == "cancelled"
        assert own.send(film, tmp_path / "other.mp4").code == 0


def test_the_client_in_mid_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come is kept for the next upload of the same film, when its client has stayed away for long enough."""
    monkeypatch.setenv("VIDPROC_COORDINATOR_CLIENT_PATIENCE", "0.1")
    video = heavy(tmp_path / "in.mkv", 4 * 2**20)
    with cluster(tmp_path / "own") as own:
        with proxy(own.port) as line:
            line.up.stop_at = 2 * 2**20
            sending = own.sending(video, tmp_path / "out.mkv", port=line.port)
            until(lambda: line.up.passed >= 2 * 2**20, "some of the film to be sent")
            sending.end()
        until(lambda: own.log("job ended"), "the client to be given up")
        own.nothing_left()
        (kept,) = (own.data / "sources").iterdir()
        assert kept.suffix == ".part"
        assert kept.stat().st_size in (2**20, 2 * 2**20), "whole blocks, as far as they came"


def test_the_coordinator(own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    """It starts anew on its folder; daemons and clients come back by themselves."""
    own.add_worker(1, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    own.coordinator.end()
    sending.saying("connection lost")
    gate.open()
    own.start_coordinator(port=own.port)
    whole(sending, tmp_path / "out.mp4", plain)
    assert own.log("job") == [], "it is the same job"
    assert own.log("job ended")[0]["job"] == own.log("job goes on")[0]["job"]
