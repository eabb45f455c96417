"""The client's connection breaks, or damages what it carries: the job goes on where it was, and nothing is sent twice
but what was on its way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.heavy import heavy
from tests.end_to_end.programs import Cluster, Outcome, send, sha256, until
from tests.end_to_end.proxy import Proxy, proxy

pytestmark = pytest.mark.process
MIB = 2**20
WINDOW = 16 * MIB
"""Of an upload without an answer."""
QUEUE = 5 * MIB
"""Of a session that sends, and a block in hand."""


@pytest.fixture
def line(shared: Cluster) -> Iterator[Proxy]:
    with proxy(shared.port) as made:
        yield made


def send_by(line: Proxy, video: Path, out: Path, *words: object) -> Outcome:
    return send("--video", video, "--out", out, "--host", "127.0.0.1", "--port", line.port, *words)


def undisturbed(shared: Cluster, video: Path, folder: Path) -> str:
    assert shared.send(video, folder / "undisturbed.mkv").code == 0
    return sha256(folder / "undisturbed.mkv")


def test_cut_in_mid_upload(shared: Cluster, line: Proxy, tmp_path: Path) -> None:
    video = heavy(tmp_path / "in.mkv", 20 * MIB)
    line.up.cut_at = 18 * MIB
    outcome = send_by(line, video, tmp_path / "out.mkv")
    assert outcome.code == 0, outcome.err
    assert "connection lost" in outcome.err
    assert line.connections == 2
    assert line.up.passed < video.stat().st_size + WINDOW
    assert sha256(tmp_path / "out.mkv") == undisturbed(shared, video, tmp_path)


def test_cut_in_mid_job(
    shared: Cluster, line: Proxy, film: Path, gate: Gate, tmp_path: Path, plain: str
) -> None:
    sending = shared.sending(film, tmp_path / "out.mp4", "--filter", gate.filter, port=line.port)
    gate.reached(2)
    jobs = shared.log("job")
    line.cut()
    sending.saying("connection lost")
    until(lambda: line.connections == 2, "the client to come back")
    gate.open()
    assert sending.wait() == 0, sending.said
    assert sha256(tmp_path / "out.mp4") == plain
    assert shared.log("job") == jobs


def test_cut_in_mid_download(shared: Cluster, line: Proxy, tmp_path: Path) -> None:
    video = heavy(tmp_path / "in.mkv", 10 * MIB)
    expected = undisturbed(shared, video, tmp_path)
    line.down.cut_at = 9 * MIB
    outcome = send_by(line, video, tmp_path / "out.mkv")
    assert outcome.code == 0, outcome.err
    assert line.connections == 2
    assert line.down.passed < (tmp_path / "out.mkv").stat().st_size + QUEUE
    assert sha256(tmp_path / "out.mkv") == expected


def test_a_source_that_is_there_is_not_sent_again(shared: Cluster, line: Proxy, tmp_path: Path) -> None:
    video = heavy(tmp_path / "in.mkv")
    undisturbed(shared, video, tmp_path)
    assert send_by(line, video, tmp_path / "out.mkv", "--filter", "edges").code == 0
    assert line.up.passed < 0.1 * MIB


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_damaged_block_is_sent_again(shared: Cluster, line: Proxy, tmp_path: Path, way: str) -> None:
    video = heavy(tmp_path / "in.mkv")
    getattr(line, way).flip_at = MIB + MIB // 2
    outcome = send_by(line, video, tmp_path / "out.mkv", "--metrics-json", tmp_path / "figures.json")
    assert outcome.code == 0, outcome.err
    assert line.up.flip_at is line.down.flip_at is None
    assert sha256(tmp_path / "out.mkv") == json.loads((tmp_path / "figures.json").read_text())["sha256"]
    assert sha256(tmp_path / "out.mkv") == undisturbed(shared, video, tmp_path)
