"""Who may connect, and who can't: tokens, other protocols and versions, places that are taken."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.programs import BIN, Cluster, Start, cluster, send
from vidproc.protocol.framing import FrameReader, pack
from vidproc.protocol.messages import VERSION, Error, Handshake, Message

pytestmark = pytest.mark.process


def coordinator(folder: Path, *words: object) -> tuple[int, str]:
    """Exit code and words of one that must refuse to start."""
    command = [str(it) for it in (BIN / "vidproc-coordinator", "--data-dir", folder / "data", "--port", 0, *words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.returncode, done.stderr


@pytest.fixture
def token(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("a token of enough bytes\n")
    return tmp_path / "token"


# No coordinator


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_no_coordinator(film: Path, tmp_path: Path) -> None:
    port = unused_port()
    outcome = send("--video", film, "--out", tmp_path / "out.mp4", "--port", port)
    assert outcome.code == 3
    assert f"no coordinator answers at tcp://localhost:{port}" in outcome.complaint
    assert list(tmp_path.iterdir()) == []


def test_no_socket(film: Path, tmp_path: Path) -> None:
    outcome = send("--video", film, "--out", tmp_path / "out.mp4", "--unix-socket", tmp_path / "none")
    assert outcome.code == 3
    assert "vidproc-coordinator --unix-socket" in outcome.complaint


def test_no_such_host(film: Path, tmp_path: Path) -> None:
    outcome = send("--video", film, "--out", tmp_path / "out.mp4", "--host", "nowhere.invalid")
    assert outcome.code == 3
    assert "nowhere.invalid" in outcome.complaint


def test_the_file_is_looked_at_first(tmp_path: Path) -> None:
    """Nobody needs a coordinator to learn that a name is misspelt."""
    assert send("--video", tmp_path / "none.mp4", "--out", tmp_path / "out.mp4", "--port", 1).code == 2


# Tokens


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "right").write_text("the right token, of enough bytes")
    with cluster(folder, "--token-file", folder / "right") as made:
        yield made


def test_a_token_is_asked_for(guarded: Cluster, film: Path, token: Path, tmp_path: Path) -> None:
    none = guarded.send(film, tmp_path / "out.mp4")
    assert none.code == 3
    assert "--token-file" in none.complaint
    wrong = guarded.send(film, tmp_path / "out.mp4", "--token-file", token)
    assert wrong.code == 3
    assert "another token" in wrong.complaint
    assert guarded.send(film, "-", "--dry-run", "--token-file", guarded.folder / "right").code == 0


def test_a_worker_without_the_token_ends(guarded: Cluster, start: Start, token: Path) -> None:
    for words in ((), ("--token-file", token)):
        worker = start("worker", *guarded.by_tcp, "--processes", 1, *words)
        assert worker.wait(10) == 3
        assert worker.said.startswith("error: the coordinator ")


def test_a_coordinator_that_asks_for_no_token_gets_no_film(shared: Cluster, film: Path, token: Path) -> None:
    outcome = shared.send(film, "-", "--token-file", token)
    assert outcome.code == 3
    assert "may be anyone's" in outcome.complaint


def test_the_token_is_in_no_log(guarded: Cluster) -> None:
    assert "right token" not in guarded.coordinator.said


@pytest.mark.parametrize("bind", ["::", "0.0.0.0", "::ffff:0.0.0.0"])
def test_strangers_could_come_in(tmp_path: Path, bind: str) -> None:
    code, said = coordinator(tmp_path, "--bind", bind)
    assert code == 2
    assert "--token-file FILE, or --insecure" in said


@pytest.mark.parametrize("words", ["--token-file token", "--insecure"])
def test_strangers_come_in_if_that_is_meant(
    film: Path, token: Path, tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with cluster(tmp_path / "own", "--bind", "::", *words.split()) as own:
        assert {where.rpartition(":")[0] for where in own.listening} >= {"tcp://[::]", "tcp://0.0.0.0"}
        with_token = ("--token-file", token) if "token" in words else ()
        assert own.send(film, "-", "--dry-run", *with_token).code == 0


@pytest.mark.parametrize("text", ["", "short", None])
def test_a_token_file_that_protects_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "t").write_text(text)
    code, said = coordinator(tmp_path, "--token-file", tmp_path / "t")
    assert code == 2
    assert "token file" in said


# Places that are taken


def test_a_port_in_use(shared: Cluster, tmp_path: Path) -> None:
    code, said = coordinator(tmp_path, "--port", shared.port)
    assert code == 2
    assert "is in use, perhaps by another coordinator" in said
    assert list(tmp_path.iterdir()) == [], "it leaves nothing that it made"


def test_a_folder_that_was_there_stays_though_nothing_came_of_the_start(shared: Cluster, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert coordinator(tmp_path, "--port", shared.port)[0] == 2
    assert (tmp_path / "data" / "vidproc.db").exists()


def test_a_folder_in_use(shared: Cluster, tmp_path: Path) -> None:
    code, said = coordinator(tmp_path, "--data-dir", shared.data)
    assert code == 2
    assert "another coordinator is using this folder" in said


def test_a_database_in_use(shared: Cluster, tmp_path: Path) -> None:
    code, said = coordinator(tmp_path, "--database-url", f"sqlite:///{shared.data / 'vidproc.db'}")
    assert code == 2
    assert "vidproc.db: another coordinator is using this database: give another --database-url" in said


def test_a_live_socket(shared: Cluster, tmp_path: Path) -> None:
    code, said = coordinator(tmp_path, "--unix-socket", shared.unix)
    assert code == 2
    assert "is in use by another program" in said
    assert shared.unix.is_socket()


def test_a_socket_that_nobody_serves_is_replaced(film: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "own" / "socket"))
    with cluster(tmp_path / "own") as own:
        assert own.unix.stat().st_mode & 0o777 == 0o600
        assert own.send(film, "-", "--dry-run", unix=True).code == 0
    assert not own.unix.exists()


def test_a_file_in_the_socket_s_place(tmp_path: Path) -> None:
    (tmp_path / "socket").write_text("mine")
    code, said = coordinator(tmp_path, "--unix-socket", tmp_path / "socket")
    assert code == 2
    assert "exists and is no socket" in said
    assert (tmp_path / "socket").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "x"), "--port: 'x' is no whole number"),
        (("--bind", "nowhere.invalid", "--insecure"), "can't listen on tcp://nowhere.invalid"),
        (("--data-dir", "/dev/null/data"), "--data-dir /dev/null/data"),
        (("--config", "/dev/null/none"), "/dev/null/none"),
        (("--memory-limit", "much"), "--memory-limit"),
        (("--frobnicate",), "--frobnicate"),
    ],
)
def test_a_coordinator_s_wrong_options(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, line = coordinator(tmp_path, *words)
    assert code == 2
    assert said in line


def test_a_key_of_the_settings_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[coordinator]\nprot = 1\n")
    code, said = coordinator(tmp_path, "--config", tmp_path / "c.toml")
    assert code == 2
    assert "coordinator.prot" in said
    assert "did you mean port?" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--processes 0", "--processes"),
        ("--frame-timeout 0", "--frame-timeout"),
        ("--rate-limit fast", "--rate-limit"),
        ("--port 99999", "--port"),
        ("--ipv4 --ipv6", "--ipv"),
        ("--host a@b", "is no host"),
    ],
)
def test_a_worker_s_wrong_options(start: Start, words: str, said: str) -> None:
    worker = start("worker", *words.split())
    assert worker.wait(10) == 2
    assert worker.said.startswith("error: ")
    assert len(worker.said.splitlines()) == 1
    assert said in worker.said


# Other protocols, other versions


def heard(port: int, *said: bytes) -> list[Message]:
    """What the coordinator answers to some bytes, up to where it closes the connection."""
    reader, answers = FrameReader(), []
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        for data in said:
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        while data := peer.recv(65536):
            reader.feed(data)
            answers += [Message.from_header(header) for header, _ in reader]
    return answers


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + bytes(64), b"SSH-2.0-x\r\n", bytes(4096)],
    ids=["http", "tls", "ssh", "zeros"],
)
def test_another_protocol_is_answered_and_shut_out(shared: Cluster, film: Path, data: bytes) -> None:
    (answer,) = heard(shared.port, data)
    assert isinstance(answer, Error)
    assert answer.code == "protocol"
    assert shared.send(film, "-", "--dry-run").code == 0


def test_a_newer_peer_is_told_so(shared: Cluster, film: Path) -> None:
    header = {**Handshake(VERSION, "client", "x", {}, bytes(32)).to_header(), "version": VERSION + 1, "new": [1]}
    (answer,) = heard(shared.port, *map(bytes, pack(header)))
    assert isinstance(answer, Error)
    assert answer.code == "version"
    assert f"the other version {VERSION + 1}" in answer.message
    assert shared.send(film, "-", "--dry-run").code == 0


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Something on a port that answers each connection with these bytes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with peer:
                peer.recv(65536)
                peer.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


_ACK = {"type": "ack", "name": "x", "versions": {}, "heartbeat_s": 2.0, "silence_s": 8.0}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "does not speak vidproc's protocol"),
        (b"", "closed the connection"),
        (b"".join(map(bytes, pack({**_ACK, "version": VERSION + 1}))), f"the other version {VERSION + 1}"),
        (b"".join(map(bytes, pack({**_ACK, "version": VERSION, "silence_s": 1.0}))), "does not hold"),
    ],
    ids=["http", "silent", "newer", "nonsense"],
)
def test_something_else_on_the_port(film: Path, tmp_path: Path, answer: bytes, said: str) -> None:
    with server(answer) as port:
        where = ("--host", "127.0.0.1", "--port", port)
        outcome = send("--video", film, "--out", tmp_path / "out.mp4", *where)
    assert outcome.code == 3
    assert said in outcome.complaint
    assert list(tmp_path.iterdir()) == []
