"""A coordinator that runs out of something: the one concerned is told, the others are served."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import Cluster, cluster, sha256
from vidproc.protocol.connection import Connection
from vidproc.protocol.party import NONCE_BYTES, Party

pytestmark = pytest.mark.process
MIB = 2**20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cluster]:
    """Its disk takes no file of more than 1 MiB."""
    with cluster(tmp_path / "small") as made:
        resource.prlimit(made.coordinator.process.pid, resource.RLIMIT_FSIZE, (MIB, MIB))
        made.add_worker(1)
        yield made


def test_a_film_that_the_disk_does_not_take(small: Cluster, film: Path, tmp_path: Path) -> None:
    (tmp_path / "large.mp4").write_bytes(film.read_bytes() + bytes(3 * MIB))
    outcome = small.send(tmp_path / "large.mp4", tmp_path / "out.mp4")
    assert outcome.code == 4
    assert "cannot store the upload: File too large" in outcome.complaint
    small.nothing_left()
    assert small.send(film, tmp_path / "out.mp4").code == 0


def test_a_film_that_is_larger_than_a_coordinator_wants(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDPROC_COORDINATOR_UPLOAD_LIMIT", "1KiB")
    monkeypatch.setenv("VIDPROC_COORDINATOR_MAX_FRAME_PIXELS", "1000")
    with cluster(tmp_path / "own") as own:
        outcome = own.send(film, tmp_path / "out.mp4")
        assert (outcome.code, "takes up to 1.0 kB" in outcome.complaint) == (2, True)
        assert "raise its setting upload_limit (VIDPROC_COORDINATOR_UPLOAD_LIMIT)" in outcome.complaint
        monkeypatch.delenv("VIDPROC_COORDINATOR_UPLOAD_LIMIT")
    with cluster(tmp_path / "other") as other:
        outcome = other.send(film, tmp_path / "out.mp4")
        assert outcome.code == 4
        assert "larger than this coordinator takes" in outcome.complaint
        assert "max_frame_pixels" in outcome.complaint


@pytest.mark.parametrize(
    ("limit", "said"),
    [("2KiB", "the film's packets cannot be stored"), ("12KiB", "the film can't be written to result")],
)
def test_a_film_that_becomes_larger_than_a_coordinator_makes_them(
    film: Path, tmp_path: Path, limit: str, said: str
) -> None:
    with cluster(tmp_path / "own", "--file-limit", limit) as own:
        own.add_worker(1)
        outcome = own.send(film, tmp_path / "out.mkv", "--filter", "blur", "--codec", "ffv1")
        assert outcome.code == 4
        assert f"{said}: File too large; raise its setting file_limit" in outcome.complaint
        own.nothing_left()


def test_a_coordinator_with_too_many_jobs_is_busy_and_that_is_no_wrong_usage(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "own", "--max-jobs", 1) as own:
        detached = own.send(film, tmp_path / "out.mp4", "--detach")
        assert detached.code == 0, detached.err
        refused = own.send(film, tmp_path / "other.mp4")
        assert (refused.code, "has 1 job already (max_jobs)" in refused.complaint) == (3, True)


def test_so_is_one_with_too_many_clients_and_its_workers_get_in(film: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "own", "--max-connections", 2) as own, connected(own):
        refused = own.send(film, tmp_path / "out.mp4")
        assert (refused.code, "(max_connections): try again later" in refused.complaint) == (3, True)
        own.add_worker(1)


@contextmanager
def connected(own: Cluster) -> Iterator[None]:
    """As a client that says nothing more."""
    with socket.create_connection(("127.0.0.1", own.port)) as wire:
        wire.sendall(b"".join(Connection(Party("client", "c", {"vidproc": "1"}), bytes(NONCE_BYTES)).data_to_send()))
        wire.recv(1)
        yield


def test_many_clients_at_once(shared: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str) -> None:
    gate.open()
    sending = [shared.sending(film, tmp_path / f"{n}.mp4", "--filter", gate.filter) for n in range(8)]
    assert [client.wait() for client in sending] == [0] * 8
    assert {sha256(tmp_path / f"{n}.mp4") for n in range(8)} == {plain}


def test_a_client_s_full_disk(shared: Cluster, film: Path, tmp_path: Path) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    sending = shared.sending(
        film, tmp_path / "out.mp4", "--quiet", preexec_fn=no_room, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert sending.process.stderr is not None
    with sending.process.stderr as said:
        assert said.read() == f"error: --out {tmp_path / 'out.mp4'}: File too large\n".encode()
    assert sending.wait() == 4
    assert [name for name in os.listdir(tmp_path) if "out" in name] == []
    shared.nothing_left()
