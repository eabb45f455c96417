"""`vidproc doctor` on machines that are well, and on such as are not."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.programs import BIN, LIMIT_S, Cluster, Outcome, cluster, doctor
from tests.end_to_end.surroundings import without_ipv6
from tests.postgres import Postgres
from vidproc.checks import coding, pages

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def _one_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here; all are tried in tests/checks."""
    monkeypatch.setattr(coding.codecs, "__defaults__", (("ffv1",), "vidproc.media.codec_trial"))


@pytest.fixture
def free_port() -> int:
    """One that was free a moment ago, in both families."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as one:
        return int(one.getsockname()[1])


@pytest.fixture
def here(tmp_path: Path, free_port: int) -> tuple[object, ...]:
    """Options for a machine on which nothing is wrong."""
    (tmp_path / "data").mkdir()
    return "--data-dir", tmp_path / "data", "--port", free_port, "--preview-port", 0


def found(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Findings by what was looked at."""
    return {each["subject"]: each for each in json.loads(outcome.out)["findings"]}


@contextlib.contextmanager
def taken(host: str) -> Iterator[int]:
    """A port where somebody listens, and answers anything with a greeting of HTTP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(LIMIT_S)
        yield int(listener.getsockname()[1])


def test_a_machine_that_is_well(here: tuple[object, ...], free_port: int, tmp_path: Path) -> None:
    outcome = doctor(*here, "--unix-socket", tmp_path / "socket", "--json")
    findings = found(outcome)
    assert outcome.code == 0, findings
    assert json.loads(outcome.out)["ok"] is True
    assert findings[f"port {free_port}"]["said"] == "free on ::1 and 127.0.0.1"
    assert findings[f"socket {tmp_path / 'socket'}"]["said"] == "free"
    assert [each["subject"] for each in findings.values() if each["level"] == "problem"] == []
    assert {path.name for path in tmp_path.iterdir()} == {"data"}, "nothing stays"
    assert list((tmp_path / "data").iterdir()) == []


def test_plain_lines_where_nobody_looks_on(here: tuple[object, ...]) -> None:
    *lines, last = doctor(*here).out.decode().splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning"}
    assert last.startswith(f"{len(lines)} things looked at: no problems, ")


def test_a_table_on_a_terminal(here: tuple[object, ...], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [BIN / "vidproc", "doctor", *map(str, here)]
    environment = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    with (
        open(ours, "rb", buffering=0) as terminal,
        subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as program,
    ):
        os.close(theirs)
        said = b"".join(iter(lambda: _read(terminal.fileno()), b"")).decode()
    assert program.returncode == 0, said
    assert "what to do" in said
    assert "\x1b[32mok" in said
    assert "things looked at: no problems" in said


def _read(descriptor: int) -> bytes:
    """Of a terminal whose other side is closed Linux says that the device has failed."""
    with contextlib.suppress(OSError):
        return os.read(descriptor, 65536)
    return b""


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
def test_a_port_that_another_program_has(here: tuple[object, ...], host: str) -> None:
    with taken(host) as port:
        outcome = doctor(*here, "--port", port, "--json")
    (bad,) = [each for each in found(outcome).values() if each["level"] == "problem"]
    assert outcome.code == 2
    assert str(port) in bad["subject"]
    assert "no coordinator" in bad["said"]
    assert "--port" in bad["advice"]


def test_a_preview_port_that_is_taken_is_a_warning(here: tuple[object, ...]) -> None:
    with taken("127.0.0.1") as port:
        outcome = doctor(*here, "--preview-port", port, "--json")
    assert outcome.code == 0
    assert found(outcome)[f"preview port {port}"]["level"] == "warning"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A coordinator with pages, and without a worker."""
    with cluster(tmp_path_factory.mktemp("site"), "--preview-port", 0) as made:
        yield made


def pages_port(site: Cluster) -> int:
    return int(site.pages[0].rpartition(":")[2])


def test_a_coordinator_that_runs_here(site: Cluster) -> None:
    where = ("--port", site.port, "--unix-socket", site.unix, "--preview-port", pages_port(site))
    outcome = doctor(*where, "--data-dir", site.data, "--json")
    findings = found(outcome)
    assert outcome.code == 0, findings
    for subject in (f"tcp://[::1]:{site.port}", f"tcp://127.0.0.1:{site.port}", f"socket {site.unix}"):
        assert "a coordinator answers" in findings[subject]["said"]
    assert "pages answer" in findings[f"preview port {pages_port(site)}"]["said"]
    assert findings["coordinator's workers"]["level"] == "warning"
    assert "start vidproc-worker" in findings["coordinator's workers"]["said"]
    assert findings["coordinator's database"]["level"] == "ok"


def test_a_coordinator_elsewhere(site: Cluster) -> None:
    outcome = doctor(*site.by_tcp, "--preview-port", pages_port(site), "--json")
    findings = found(outcome)
    assert outcome.code == 0, findings
    assert [name for name in findings if name.startswith("tcp://")] == [
        f"tcp://localhost:{site.port} by IPv6",
        f"tcp://localhost:{site.port} by IPv4",
    ]
    assert findings["clocks"]["level"] == "ok"
    assert not any("data folder" in name for name in findings), "that is the coordinator's"


def test_a_coordinator_whose_clock_is_another(site: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    monkeypatch.setattr(pages.time, "time", lambda: now() - 3600)
    (_, *_, clocks) = pages.pages_there("127.0.0.1", pages_port(site))
    assert (clocks.subject, clocks.level) == ("clocks", "warning")
    assert "3600 s ahead" in clocks.said or "3599 s ahead" in clocks.said


def test_what_is_no_coordinators_page(free_port: int, tmp_path: Path) -> None:
    assert pages.asked("127.0.0.1", free_port) is None
    for body in (b"[]", b"{}", b'{"components": [1]}', b"hello"):
        with answering(b"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 13:00:00 GMT\r\n\r\n" + body) as port:
            assert pages.asked("127.0.0.1", port) is None


@contextlib.contextmanager
def answering(said: bytes) -> Iterator[int]:
    """A port where one request is answered so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(said)

        with ThreadPoolExecutor(1) as beside:
            done = beside.submit(answer)
            yield int(listener.getsockname()[1])
            done.result(LIMIT_S)


def test_nobody_elsewhere(free_port: int) -> None:
    outcome = doctor("--host", "localhost", "--port", free_port, "--json")
    assert outcome.code == 3
    assert found(outcome)[f"tcp://localhost:{free_port} by IPv4"]["level"] == "problem"


def test_a_worker_whose_settings_name_a_host(free_port: int, tmp_path: Path) -> None:
    settings = tmp_path / "vidproc.toml"
    settings.write_text(f'[worker]\nhost = "127.0.0.1"\nport = {free_port}\n')
    outcome = doctor("--config", settings, "--json")
    assert outcome.code == 3
    bad = [name for name, each in found(outcome).items() if each["level"] == "problem"]
    assert bad == [f"tcp://127.0.0.1:{free_port} by IPv4"], "the address has one family"


def test_an_address_of_another_family_than_is_wanted(free_port: int) -> None:
    outcome = doctor("--host", "127.0.0.1", "--port", free_port, "--ipv6", "--json")
    assert outcome.code == 3
    assert "no IPv6 address" in found(outcome)[f"tcp://127.0.0.1:{free_port} by IPv6"]["said"]


def test_a_token_that_is_another_one(tmp_path: Path) -> None:
    for name, text in (("right", "a token of the coordinator"), ("wrong", "a token of somebody else")):
        (tmp_path / name).write_text(text)
    with cluster(tmp_path / "own", "--token-file", tmp_path / "right") as made:
        right = doctor(*made.by_tcp, "--token-file", tmp_path / "right", "--json")
        wrong = doctor(*made.by_tcp, "--token-file", tmp_path / "wrong", "--json")
        none = doctor(*made.by_tcp, "--json")
    assert (right.code, wrong.code, none.code) == (0, 2, 2)
    for outcome in (wrong, none):
        (said,) = {each["said"] for each in found(outcome).values() if each["level"] == "problem"}
        assert "a coordinator is there, but" in said
        assert "token" in said
    assert b"a token of" not in right.out + wrong.out + none.out


def test_a_data_folder_that_is_a_file(here: tuple[object, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = doctor(*here, "--data-dir", tmp_path / "file", "--json")
    assert outcome.code == 2
    assert found(outcome)[f"data folder {tmp_path / 'file'}"]["level"] == "problem"


def test_settings_from_a_file_and_such_as_are_wrong(here: tuple[object, ...], tmp_path: Path) -> None:
    settings = tmp_path / "vidproc.toml"
    settings.write_text('[coordinator]\nunix_socket = "/nowhere/socket"\n[worker]\nprocesses = 1000\n')
    findings = found(doctor(*here, "--config", settings, "--json"))
    assert findings["socket /nowhere/socket"]["level"] == "problem"
    assert findings["cores"]["level"] == "warning"
    settings.write_text("[coordinator]\ncolour = 1\n")
    wrong = doctor(*here, "--config", settings)
    assert wrong.code == 2
    assert "colour" in wrong.complaint


def test_postgresql_that_answers_and_is_left_as_it_was(here: tuple[object, ...], postgres: Postgres) -> None:
    import psycopg

    url = postgres.new_database().replace("@", ":hunter2hunter2@")
    outcome = doctor(*here, "--database-url", url, "--json")
    (said,) = [each for name, each in found(outcome).items() if name.startswith("database")]
    assert outcome.code == 0, said
    assert said["said"] == "answers; has no tables yet"
    assert b"hunter2" not in outcome.out
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_postgresql_that_is_not_there(here: tuple[object, ...], free_port: int) -> None:
    url = f"postgresql://me:hunter2hunter2@127.0.0.1:{free_port}/jobs?sslpassword=hunter3hunter3"
    outcome = doctor(*here, "--database-url", url, "--json")
    (said,) = [each for name, each in found(outcome).items() if name.startswith("database")]
    assert outcome.code == 2
    assert said["level"] == "problem"
    assert b"hunter" not in outcome.out


def test_a_machine_without_ipv6(here: tuple[object, ...], free_port: int) -> None:
    command = [*without_ipv6(), BIN / "vidproc", "doctor", *map(str, here), "--json"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    outcome = Outcome(done.returncode, done.stdout, done.stderr.decode())
    assert outcome.code == 0, outcome
    assert found(outcome)[f"port {free_port}"]["said"] == "free on 127.0.0.1; this machine has no IPv6"


def test_packages_that_cannot_be_loaded(here: tuple[object, ...]) -> None:
    """As where wheels are missing, or are for another processor."""
    broken = ("av", "cv2", "numpy", "psutil", "sqlalchemy")
    code = f"import sys\nsys.modules.update(dict.fromkeys({broken}))\nfrom vidproc.cli import doctor\n"
    words = [*map(str, here), "--database-url", "postgresql://nobody@localhost/none", "--json"]
    command = [sys.executable, "-c", f"{code}sys.exit(doctor.main(sys.argv[1:]))", *words]
    done = subprocess.run(command, capture_output=True, timeout=60)
    outcome = Outcome(done.returncode, done.stdout, done.stderr.decode())
    assert outcome.err == ""
    assert outcome.code == 2
    bad = {name: each["said"] for name, each in found(outcome).items() if each["level"] == "problem"}
    assert bad.keys() == {"wheels", "ffmpeg", "codecs", "cascades", "filters", "memory", "database"}
    assert all("could not be looked at" in said for said in bad.values()), bad
