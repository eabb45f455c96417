"""What daemons log of a job: of what each line is, and what none of them shows."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.programs import LIMIT_S, Cluster, Program, cluster, doctor, until
from tests.postgres import Postgres

pytestmark = pytest.mark.process

_TOKEN = "a token that only a few may know"
_PASSWORD = "correct-horse-battery"
_IN_CODE = "a secret of the filter's"
_FILTER = f'''
KEY = "{_IN_CODE}"

def picky(frame, bad=7):
    if frame[0, 0, 0] == 300:
        return KEY
    raise ValueError("no frame suits me")
'''


def lines(program: Program) -> list[dict[str, Any]]:
    """Its log; fails if it said anything else."""
    return [json.loads(line) for line in program.said.splitlines()]


def of(event: str, log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in log if line["event"] == event]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(_TOKEN)
    return tmp_path / "token"


def test_every_line_of_a_chunk_says_which(tmp_path: Path, film: Path) -> None:
    with cluster(tmp_path / "own", "--log-level", "debug") as made:
        worker = made.add_worker(2, "--name", "w1", "--log-level", "debug")
        sent = made.send(film, tmp_path / "out.mp4", "--processing", "blur", "--metrics-json", tmp_path / "figures")
        assert sent.code == 0, sent.err
        job = json.loads((tmp_path / "figures").read_text())["job_id"]
        until(lambda: of("job ended", lines(made.coordinator)), "the job's end in the log")
        coordinator, work = lines(made.coordinator), lines(worker)
    leases, here, there = of("lease", coordinator), of("chunk done", coordinator), of("chunk done", work)
    assert {line["chunk"] for line in leases} == {line["chunk"] for line in here} == set(range(5))
    keys = ("job", "chunk", "attempt", "worker", "slot", "lease")
    assert {line["job"] for line in (*leases, *here, *there)} == {job}
    same = [{tuple(line[key] for key in keys) for line in said} for said in (here, there)]
    assert same[0] == same[1], "the two logs can be laid side by side"
    assert {line["worker"] for line in work} == {"w1"}
    assert [line["job"] for line in of("job", coordinator)] == [job]
    (ended,) = of("job ended", coordinator)
    assert (ended["job"], ended["state"], ended["level"]) == (job, "done", "info")
    assert all(line["level"] == "debug" for line in (*leases, *here, *there))


def test_a_job_is_a_line_at_its_start_and_its_end(shared: Cluster, film: Path, tmp_path: Path) -> None:
    before = len(shared.coordinator.said.splitlines())
    sent = shared.send(film, tmp_path / "out.mp4", "--processing", "blur")
    assert sent.code == 0, sent.err

    def log() -> list[dict[str, Any]]:
        return [json.loads(line) for line in shared.coordinator.said.splitlines()[before:]]

    until(lambda: of("job ended", log()), "the job's end in the log")
    assert [line["event"] for line in log() if line.get("job") == log()[0]["job"]] == ["job", "job ended"]


def test_failures_and_what_they_leave_in_the_logs(tmp_path: Path, film: Path) -> None:
    (tmp_path / "picky.py").write_text(_FILTER)
    with cluster(tmp_path / "own", "--log-level", "debug") as made:
        worker = made.add_worker(1, "--name", "w1", "--allow-custom", "--log-level", "debug")
        words = ("--processing", "custom", "--param", f"file={tmp_path / 'picky.py'}", "--on-error", "fail")
        assert made.send(film, tmp_path / "out.mp4", *words).code == 4
        coordinator, work = lines(made.coordinator), lines(worker)
    failed, traces = of("chunk failed", work), of("failed", work)
    assert failed
    assert traces
    for line in (*failed, *traces, *of("chunk failed", coordinator)):
        assert {"job", "chunk", "attempt", "worker", "slot", "lease"} <= line.keys(), line
        assert line["worker"] == "w1"
    assert "no frame suits me" in traces[0]["exception"]
    (ended,) = of("job ended", coordinator)
    assert ended["job"] == failed[0]["job"]
    assert (ended["state"], ended["level"], ended["code"]) == ("failed", "warning", "filter")
    assert "no frame suits me" in ended["error"]


def _asked(site: str, token: str) -> int:
    """Over HTTP; the status of the answer."""
    host, _, port = site.removeprefix("http://").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=LIMIT_S) as connection:
        head = f"GET /api/v1/jobs?token={token.replace(' ', '%20')} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        connection.sendall(f"{head}Authorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_no_secret_is_in_anything_that_is_said(tmp_path: Path, film: Path, told: Path, postgres: Postgres) -> None:
    """A whole life at the lowest level: a database, a token, a filter of somebody's own, a peer with a wrong token, a
    database that hangs up."""
    url = re.sub("@", f":{_PASSWORD}@", postgres.new_database())
    (tmp_path / "picky.py").write_text(_FILTER)
    (tmp_path / "other").write_text("another token than theirs")
    loud = ("--log-level", "debug")
    outcomes = []
    pages = ("--preview-port", 0)
    with cluster(tmp_path / "own", "--token-file", told, "--database-url", url, *pages, *loud) as made:
        made.add_worker(1, "--token-file", told, "--allow-custom", *loud)
        for words in (("blur",), ("custom", "--param", f"file={tmp_path / 'picky.py'}", "--on-error", "fail")):
            out = tmp_path / f"{words[0]}.mp4"
            outcomes.append(made.send(film, out, "--processing", *words, "--token-file", told))
        outcomes.append(made.send(film, tmp_path / "never.mp4", "--token-file", tmp_path / "other"))
        answers = [_asked(made.pages[0], token) for token in (_TOKEN, "another token than theirs", _TOKEN + "\x7f")]
        postgres.hang_up()
        outcomes.append(made.jobs("list", "--token-file", told))
        outcomes.append(doctor(*made.by_tcp, "--token-file", told))
        outcomes.append(doctor("--port", made.port, "--database-url", url, "--data-dir", made.data))
        said = [program.said for program in made.programs]
    said += [program.said for program in made.programs]
    said += [outcome.err + outcome.out.decode(errors="replace") for outcome in outcomes]
    assert [outcome.code for outcome in outcomes[:3]] == [0, 4, 3], outcomes
    assert answers[:2] == [200, 401]
    assert "no frame suits me" in said[1]
    for text in said:
        for secret in (_TOKEN, _PASSWORD, _IN_CODE, "another token than theirs"):
            assert secret not in text
