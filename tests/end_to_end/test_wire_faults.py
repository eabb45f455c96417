"""Faults of the wire at every place where they may strike: the same bytes come out, and nobody is left waiting."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.heavy import heavy
from tests.end_to_end.programs import Cluster, Outcome, Program, cluster, send, sha256, until
from tests.end_to_end.proxy import Proxy, Way, proxy

pytestmark = pytest.mark.process
MIB = 2**20
CUTS = 50
MOST_MESSAGES = 200
PAUSED_S = 15.0
LONG = pytest.mark.long


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """It keeps no film from job to job, so each is sent."""
    with cluster(tmp_path_factory.mktemp("own"), "--source-cache", "1") as made:
        made.add_worker(2, "--allow-custom")
        yield made


@pytest.fixture
def line(own: Cluster) -> Iterator[Proxy]:
    with proxy(own.port) as made:
        yield made


def send_by(line: Proxy, video: Path, out: Path, *words: object) -> Outcome:
    where = ("--host", "127.0.0.1", "--port", line.port)
    return send("--video", video, "--out", out, "--overwrite", "--quiet", *where, *words)


@LONG
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["up", "down"])
def test_cut_at_many_places(own: Cluster, line: Proxy, tmp_path: Path, way: str) -> None:
    """The upload and the download, from the first byte behind the handshake to the last of the film."""
    video, out = heavy(tmp_path / "in.mkv", 2 * MIB), tmp_path / "out.mkv"
    cut: Way = getattr(line, way)
    assert send_by(line, video, out).code == 0
    expected, whole = sha256(out), cut.passed
    for number in range(1, CUTS + 1):
        connections = line.connections
        cut.cut_at = cut.passed + whole * number // (CUTS + 1)
        outcome = send_by(line, video, out)
        assert outcome.code == 0, outcome.err
        assert sha256(out) == expected
        assert line.connections == connections + 2


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_client_s_connection_reset_behind_each_message(
    line: Proxy, film: Path, tmp_path: Path, way: str
) -> None:
    """Behind the handshake, that is: a coordinator that was never reached is told of at once."""
    reset: Way = getattr(line, way)
    assert send_by(line, film, tmp_path / "out.mp4").code == 0
    expected = sha256(tmp_path / "out.mp4")
    for messages in range(1, MOST_MESSAGES):
        reset.reset_in = messages
        outcome = send_by(line, film, tmp_path / "out.mp4")
        if way == "up" and messages == 1:
            assert (outcome.code, "Connection reset by peer" in outcome.complaint) == (3, True)
            continue
        assert outcome.code == 0, outcome.err
        assert sha256(tmp_path / "out.mp4") == expected
        if reset.reset_in is not None:  # there were not so many
            assert messages > 4
            return
    raise AssertionError("a job takes fewer messages than that")


@LONG
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_worker_s_connection_reset_behind_each_message(film: Path, tmp_path: Path, way: str) -> None:
    with cluster(tmp_path / "own") as own, proxy(own.port) as line:
        own.start("worker", "--host", "127.0.0.1", "--port", line.port, "--processes", 1)
        assert own.send(film, tmp_path / "out.mp4", "--overwrite").code == 0
        expected, reset = sha256(tmp_path / "out.mp4"), getattr(line, way)
        for messages in range(1, MOST_MESSAGES):
            reset.reset_in = messages
            outcome = own.send(film, tmp_path / "out.mp4", "--overwrite")
            assert outcome.code == 0, outcome.err
            assert sha256(tmp_path / "out.mp4") == expected
            if reset.reset_in is not None:
                assert messages > 10
                return
        raise AssertionError("a job takes fewer messages than that")


def test_bytes_that_come_one_by_one(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "own") as own, proxy(own.port) as line:
        line.up.singly = line.down.singly = True
        own.start("worker", "--host", "127.0.0.1", "--port", line.port, "--processes", 1)
        assert send_by(line, film, tmp_path / "out.mp4").code == 0
        assert own.send(film, tmp_path / "straight.mp4").code == 0
        assert min(line.up.passed, line.down.passed) > film.stat().st_size
    assert sha256(tmp_path / "out.mp4") == sha256(tmp_path / "straight.mp4")


@LONG
@pytest.mark.timeout(600)
def test_a_hundred_reconnections_of_a_worker(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "own") as own, proxy(own.port) as line:
        worker = own.start("worker", "--host", "127.0.0.1", "--port", line.port, "--processes", 1)
        assert own.send(film, tmp_path / "before.mp4").code == 0
        held = {it: psutil.Process(it.process.pid).num_fds() for it in (worker, own.coordinator)}
        for number in range(2, 102):
            line.cut()
            until(lambda n=number: len(own.log("worker joined")) == n, "the worker to come back")
        assert own.send(film, tmp_path / "after.mp4").code == 0
        assert sha256(tmp_path / "after.mp4") == sha256(tmp_path / "before.mp4")
        for program, before in held.items():
            until(lambda p=program, b=before: psutil.Process(p.process.pid).num_fds() <= b, "descriptors to be closed")


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """It takes a peer for gone after 1.5 s of silence."""
    monkeypatch.setenv("VIDPROC_COORDINATOR_HEARTBEAT_S", "0.3")
    monkeypatch.setenv("VIDPROC_COORDINATOR_SILENCE_S", "1.5")
    with cluster(tmp_path / "own") as made:
        yield made


@pytest.mark.parametrize(
    "ways",
    [pytest.param(("up",), marks=LONG), pytest.param(("down",), marks=LONG), ("up", "down")],
    ids=["up", "down", "both"],
)
def test_a_partition_that_heals_late(
    quick: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, ways: tuple[str, ...]
) -> None:
    """What the worker had to say comes when its leases are long void, and another one has done them."""
    with proxy(quick.port) as line:
        where = ("--host", "127.0.0.1", "--port", line.port, "--processes", 1)
        far = quick.start("worker", *where, "--allow-custom", "--name", "far")
        far.saying("connected")
        sending = quick.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached()
        line.hold(*(getattr(line, way) for way in ways))
        gate.open()
        until(lambda: quick.log("worker left"), "the worker to be given up")
        quick.add_worker(1, "--allow-custom", "--name", "near")
        assert sending.wait() == 0, sending.said
        line.heal()
        until(lambda: len(quick.log("worker joined")) >= 3, "the worker to come back")
        assert quick.send(film, tmp_path / "again.mp4", "--filter", gate.filter).code == 0
    assert sha256(tmp_path / "out.mp4") == sha256(tmp_path / "again.mp4") == plain
    assert quick.log("session failed") == []


def test_a_short_partition_costs_nothing(
    quick: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    with proxy(quick.port) as line:
        where = ("--host", "127.0.0.1", "--port", line.port, "--processes", 1)
        quick.start("worker", *where, "--allow-custom").saying("connected")
        sending = quick.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached()
        line.hold(line.up, line.down)
        gate.open()
        line.heal()
        assert sending.wait() == 0, sending.said
        assert sha256(tmp_path / "out.mp4") == plain
        assert line.connections == 1


@LONG
def test_a_coordinator_that_is_paused(film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    """With the limits as they are by default: its peers take it for gone, and come back."""
    with cluster(tmp_path / "own") as own:
        worker = own.add_worker(2, "--allow-custom")
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached(2)
        own.coordinator.signal(signal.SIGSTOP)
        until_s = time.monotonic() + PAUSED_S
        try:
            worker.saying("connection lost")
            sending.saying("connection lost")
            until(lambda: time.monotonic() > until_s, "the pause to end")
        finally:
            own.coordinator.signal(signal.SIGCONT)
        gate.open()
        assert sending.wait() == 0, sending.said
        assert sha256(tmp_path / "out.mp4") == plain


def test_a_reader_that_stops(own: Cluster, line: Proxy, film: Path, tmp_path: Path) -> None:
    """It gets what fits into queues; the others are served, and it goes on when it reads again."""
    video = heavy(tmp_path / "in.mkv", 16 * MIB)
    assert own.send(video, tmp_path / "straight.mkv").code == 0
    resident = psutil.Process(own.coordinator.process.pid).memory_info().rss
    sending = own.sending(video, tmp_path / "out.mkv", port=line.port)
    until(lambda: line.down.passed > MIB, "the download to begin")
    sending.signal(signal.SIGSTOP)
    assert own.send(film, tmp_path / "other.mp4").code == 0
    assert psutil.Process(own.coordinator.process.pid).memory_info().rss < resident + 16 * MIB
    sending.signal(signal.SIGCONT)
    whole(sending, tmp_path / "out.mkv", sha256(tmp_path / "straight.mkv"))


def whole(sending: Program, out: Path, expected: str) -> None:
    assert sending.wait() == 0, sending.said
    assert sha256(out) == expected
