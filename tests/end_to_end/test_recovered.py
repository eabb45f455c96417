"""A coordinator that was killed in mid-job, whose files are torn or altered before the next one starts."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.heavy import heavy
from tests.end_to_end.programs import Cluster, Program, chunks_written, cluster, sha256, until
from tests.end_to_end.proxy import proxy

pytestmark = pytest.mark.process


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as made:
        yield made


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """In the fourth of the film's five chunks."""
    return Gate(tmp_path, chunks=3)


def in_mid_job(own: Cluster, film: Path, gate: Gate, folder: Path) -> Program:
    """A job of which three chunks are kept, and whose coordinator was killed."""
    own.add_worker(1, "--allow-custom")
    words = ("--filter", gate.filter, "--metrics-json", folder / "figures.json")
    sending = own.sending(film, folder / "out.mp4", *words)
    gate.reached()
    until(lambda: chunks_written(own.data) == 3, "three chunks to be kept")
    own.coordinator.end()
    sending.saying("connection lost")
    return sending


def kept_chunks(own: Cluster) -> list[Path]:
    return sorted(path for path in own.data.glob("jobs/*/chunks/*") if not path.suffix)


def tear(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "torn": tear,
    "empty": lambda path: os.truncate(path, 0),
    "flipped": flip,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_chunk_is_found_and_made_again(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, damage: str
) -> None:
    sending = in_mid_job(own, film, gate, tmp_path)
    DAMAGE[damage](kept_chunks(own)[1])
    gate.open()
    own.start_coordinator(port=own.port)
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == plain
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["restarts"] == {"total": 1, "chunks_kept": 2, "chunks_damaged": 1}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_film_is_found_and_sent_again(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, damage: str
) -> None:
    sending = in_mid_job(own, film, gate, tmp_path)
    (source,) = own.data.glob("jobs/*/source")
    DAMAGE[damage](source)
    gate.open()
    own.start_coordinator(port=own.port)
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == plain


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["sigkill", "sigterm"])
def test_no_chunk_that_was_kept_is_made_again(
    own: Cluster, film: Path, gate: Gate, tmp_path: Path, plain: str, number: int
) -> None:
    """However often the coordinator is started anew."""
    sending = in_mid_job(own, film, gate, tmp_path)
    for _ in range(2):
        own.start_coordinator(port=own.port)
        own.coordinator.signal(number)
        assert own.coordinator.wait() in (0, -signal.SIGKILL)
    assert number == signal.SIGKILL or "jobs are left to the next coordinator" in own.coordinator.said
    gate.open()
    own.start_coordinator(port=own.port)
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == plain
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["restarts"] == {"total": 3, "chunks_kept": 3, "chunks_damaged": 0}


def test_an_upload_goes_on_at_its_byte(own: Cluster, tmp_path: Path) -> None:
    """Nothing that the coordinator had is sent again."""
    size = 8 * 2**20
    video = heavy(tmp_path / "in.mkv", size)
    own.add_worker(1)
    with proxy(own.port) as line:
        line.up.stop_at = 4 * 2**20
        sending = own.sending(video, tmp_path / "out.mkv", port=line.port)
        until(lambda: line.up.passed >= line.up.stop_at, "half of the film to be sent")
        until(lambda: held(own) >= 3 * 2**20, "the coordinator to have it")
        before = held(own)
        own.coordinator.end()
        line.up.passed, line.up.stop_at = 0, None
        line.cut()
        own.start_coordinator(port=own.port)
        assert sending.wait() == 0, sending.said
        assert line.up.passed < video.stat().st_size - before + 2**16
    assert own.log("job ended")[0]["state"] == "done"


def held(own: Cluster) -> int:
    """Bytes of the only source."""
    return sum(path.stat().st_size for path in own.data.glob("jobs/*/source"))


def refused(own: Cluster, *words: object, **options: Any) -> str:
    """What a second coordinator says that does not start."""
    where = ("--port", 0, "--data-dir", own.data, *words)
    program = own.start("coordinator", *where, **options)
    assert program.wait() in (2, 4)
    (line,) = [line for line in program.said.splitlines() if line.startswith("error: ")]
    return line


def test_a_second_coordinator_in_the_same_folder(own: Cluster) -> None:
    assert "another coordinator is using this folder" in refused(own)


def test_a_database_that_is_damaged(own: Cluster) -> None:
    own.coordinator.stop()
    (own.data / "vidproc.db").write_bytes(b"no database" * 1000)
    assert "the database is damaged" in refused(own)
    own.start_coordinator("--database-url", f"sqlite:///{own.folder}/other.db")


def test_a_database_url_that_is_none(own: Cluster) -> None:
    assert "--database-url: give sqlite:///PATH" in refused(own, "--database-url", "nothing")
