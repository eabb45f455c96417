"""Disks that are full or refuse, and descriptors that are gone: the one concerned is told, and the rest is served."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.heavy import heavy, loud
from tests.end_to_end.programs import Cluster, Program, cluster, sha256, until
from tests.end_to_end.proxy import Proxy, proxy
from tests.end_to_end.surroundings import small_disk

pytestmark = pytest.mark.process
MIB = 2**20
ROOMY = 96 * MIB
"""Enough for the films here, beside what a coordinator leaves free to others."""


def seen_from_outside(program: Program, folder: Path) -> Path:
    return Path(f"/proc/{program.process.pid}/root{folder}")


class Disk:
    """A disk that can be full."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Until so many bytes are free, for now."""
        with open(self._filler, "wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(MIB // 4))
        os.truncate(self._filler, max(0, self._filler.stat().st_size // 4096 * 4096 - leave))

    def clear(self) -> None:
        self._filler.unlink()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "own"
    folder.mkdir()
    with cluster(folder, within=small_disk(folder / "data", ROOMY)) as made:
        made.data = seen_from_outside(made.coordinator, made.data)
        yield made


@pytest.fixture
def disk(own: Cluster) -> Disk:
    return Disk(own.data)


@pytest.fixture
def line(own: Cluster) -> Iterator[Proxy]:
    with proxy(own.port) as made:
        yield made


def failed(sending: Program, said: str) -> None:
    assert sending.wait() == 4, sending.said
    complaint = sending.said.splitlines()[-1]
    assert complaint.startswith("error: ")
    assert re.search(said, complaint), complaint


def served(own: Cluster, film: Path, gate: Gate, out: Path, plain: str) -> None:
    """Somebody else's job, and nothing is left of those before."""
    own.nothing_left()
    gate.open()
    outcome = own.send(film, out, "--filter", gate.filter)
    assert outcome.code == 0, outcome.err
    assert sha256(out) == plain


def test_full_in_mid_upload(
    own: Cluster, disk: Disk, line: Proxy, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    own.add_worker(1, "--allow-custom")
    line.up.hold_at = 2 * MIB
    sending = own.sending(heavy(tmp_path / "in.mkv", 6 * MIB), tmp_path / "out.mkv", port=line.port)
    until(lambda: not line.up.passing.is_set(), "some of the film to be sent")
    disk.fill()
    line.heal()
    failed(sending, "cannot store the upload: the disk is full")
    disk.clear()
    served(own, film, gate, tmp_path / "out.mp4", plain)


def test_full_when_a_chunk_is_done(
    own: Cluster, disk: Disk, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    own.add_worker(1, "--allow-custom")
    sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    disk.fill()
    gate.open()
    failed(sending, "cannot store a chunk: the disk is full")
    disk.clear()
    served(own, film, gate, tmp_path / "out.mp4", plain)


def test_full_when_the_film_is_written(
    own: Cluster, disk: Disk, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    """There is room for the chunks, and not for the film's sound."""
    own.add_worker(1, "--allow-custom")
    sending = own.sending(loud(tmp_path / "in.mkv"), tmp_path / "out.mkv", "--filter", gate.filter)
    gate.reached()
    disk.fill(leave=2 * MIB)
    gate.open()
    failed(sending, "No space left on device")
    disk.clear()
    served(own, film, gate, tmp_path / "out.mp4", plain)


def test_full_where_jobs_are_written_down(film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    """On a disk of the database's own; who waits for the job's end waits for room."""
    folder, place = tmp_path / "own", tmp_path / "place"
    folder.mkdir()
    where = ("--database-url", f"sqlite:///{place}/jobs.db")
    with cluster(folder, *where, within=small_disk(place, 8 * MIB)) as own:
        own.add_worker(1, "--allow-custom")
        disk = Disk(seen_from_outside(own.coordinator, place))
        sending = own.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
        gate.reached()
        disk.fill()
        gate.open()
        sending.saying("the job's end cannot be written down yet: cannot write the database: the disk is full")
        refused = own.send(film, tmp_path / "other.mp4")
        assert (refused.code, refused.complaint) == (4, "error: cannot write the database: the disk is full")
        disk.clear()
        assert sending.wait() == 0, sending.said
        assert sha256(tmp_path / "out.mp4") == plain
        assert own.log("a chunk cannot be written down")
        served(own, film, gate, tmp_path / "other.mp4", plain)


def test_full_at_the_client_while_it_writes(shared: Cluster, tmp_path: Path) -> None:
    place = tmp_path / "place"
    with proxy(shared.port) as line:
        line.down.hold_at = 2 * MIB
        sending = shared.sending(
            heavy(tmp_path / "in.mkv", 6 * MIB), place / "out.mkv", port=line.port, within=small_disk(place, 8 * MIB)
        )
        until(lambda: not line.down.passing.is_set(), "some of the result to be fetched")
        Disk(seen_from_outside(sending, place)).fill()
        line.heal()
        failed(sending, f"--out {place / 'out.mkv'}: No space left on device")
    shared.nothing_left()


def test_too_small_at_the_client_is_said_before_it_writes(shared: Cluster, tmp_path: Path) -> None:
    place = tmp_path / "place"
    video = heavy(tmp_path / "in.mkv", 6 * MIB)
    sending = shared.sending(video, place / "out.mkv", within=small_disk(place, MIB))
    failed(sending, r"too little disk, 6\.\d MB needed, 1\.0 MB free")
    shared.nothing_left()


def test_too_small_at_the_coordinator_is_said_before_the_upload(tmp_path: Path, film: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with cluster(folder, within=small_disk(folder / "data", 8 * MIB)) as own, proxy(own.port) as line:
        failed(own.sending(film, tmp_path / "out.mp4", port=line.port), "too little disk at the coordinator")
        assert line.up.passed < film.stat().st_size


# A disk that refuses


@contextlib.contextmanager
def limited(processes: list[int], limit: int, most: int) -> Iterator[None]:
    """These processes may have no more than that, for now."""
    before = {pid: resource.prlimit(pid, limit) for pid in processes}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, limit, (most, hard))
    try:
        yield
    finally:
        for pid, pair in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, limit, pair)


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path / "own") as made:
        yield made


def test_a_disk_that_does_not_take_a_chunk(
    usual: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    usual.add_worker(1, "--allow-custom")
    sending = usual.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    with limited([usual.coordinator.process.pid], resource.RLIMIT_FSIZE, 100):
        gate.open()
        sending.saying("the job's end cannot be written down yet: the database: disk I/O error")
    failed(sending, f"cannot store a chunk: {os.strerror(errno.EFBIG)}")
    served(usual, film, gate, tmp_path / "out.mp4", plain)


def test_a_disk_that_does_not_take_the_film(
    usual: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    usual.add_worker(1, "--allow-custom")
    sending = usual.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    with limited([it.pid for it in usual.media_processes()], resource.RLIMIT_FSIZE, 100):
        gate.open()
        failed(sending, os.strerror(errno.EFBIG))
    served(usual, film, gate, tmp_path / "out.mp4", plain)


# No descriptors


def highest_descriptor(pid: int) -> int:
    return max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


def test_a_coordinator_without_descriptors_goes_on_when_it_has_some(
    usual: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    worker, pid = usual.add_worker(1, "--allow-custom"), usual.coordinator.process.pid
    sending = usual.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    gate.reached()
    with contextlib.ExitStack() as strangers, limited([pid], resource.RLIMIT_NOFILE, highest_descriptor(pid) + 1):
        for _ in range(8):
            strangers.enter_context(socket.create_connection(("127.0.0.1", usual.port)))
        usual.coordinator.saying("no descriptors or memory left")
        gate.open()
        failed(sending, "Too many open files")
    served(usual, film, gate, tmp_path / "other.mp4", plain)
    assert worker.process.poll() is None
    assert len(usual.log("worker joined")) == 1


def test_a_worker_without_descriptors_goes_on_when_it_has_some(
    usual: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    """It can't replace the slot that was killed; another worker does what it was to do."""
    poor = usual.add_worker(1, "--allow-custom", "--name", "poor")
    sending = usual.sending(film, tmp_path / "out.mp4", "--filter", gate.filter)
    (slot,) = gate.reached()
    pid = poor.process.pid
    with limited([pid], resource.RLIMIT_NOFILE, highest_descriptor(pid) + 1):
        usual.add_worker(1, "--allow-custom")
        psutil.Process(slot).kill()
        until(lambda: "Too many open files" in usual.coordinator.said, "the worker to be out of descriptors")
        gate.open()
        assert sending.wait() == 0, sending.said
        assert sha256(tmp_path / "out.mp4") == plain
    served(usual, film, gate, tmp_path / "other.mp4", plain)
    assert poor.process.poll() is None
