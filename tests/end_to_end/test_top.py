"""vidproc top beside a real coordinator and real daemons, in a real terminal and without one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.gates import Gate
from tests.end_to_end.programs import BIN, Cluster, Program, Start, cluster, top, until
from tests.end_to_end.terminals import ENTER, LEAVE, Terminal

pytestmark = pytest.mark.process


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


Looking = Callable[..., Program]
"""`looking(cluster, ...)`: vidproc top on the terminal."""


@pytest.fixture
def looking(start: Start, terminal: Terminal) -> Looking:
    def begun(at: Cluster, *words: object) -> Program:
        command = (BIN / "vidproc", "top", *at.by_tcp, "--interval", 0.2, *words)
        return start("top", door=command, **terminal.streams)

    return begun


def ended(program: Program, terminal: Terminal) -> int:
    """How; the terminal must be as it was."""
    code = program.wait()
    terminal.picture()
    assert terminal.seen.count(ENTER) == terminal.seen.count(LEAVE) == 1
    assert terminal.seen.index(ENTER) < terminal.seen.index(LEAVE)
    assert terminal.current_settings() == terminal.settings
    return code


def test_what_goes_on_is_seen_as_it_changes(
    shared: Cluster, film: Path, gate: Gate, terminal: Terminal, looking: Looking
) -> None:
    job = shared.send(film, "out.mp4", "--detach", "--filter", gate.filter)
    assert job.code == 0, job.err
    gate.reached(2)
    program = looking(shared)
    lines = terminal.showing("10/60")
    (row,) = [line for line in lines if film.name in line]
    assert "running" in row
    assert " fps, 2 of 2 slots busy, 1 job, 1 chunk queued, 1 worker" in lines[1]
    assert lines[-1].rstrip() == "q quits"
    gate.open()
    terminal.showing("no jobs")
    terminal.type(b"xq")
    assert ended(program, terminal) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_interrupts_it_gets_the_terminal_back(
    shared: Cluster, terminal: Terminal, looking: Looking, number: int
) -> None:
    program = looking(shared)
    terminal.showing("no jobs")
    program.signal(number)
    assert ended(program, terminal) == 130
    assert terminal.seen.endswith(b"interrupted\r\n")


def test_a_terminal_that_is_closed_is_its_end(shared: Cluster, terminal: Terminal, looking: Looking) -> None:
    program = looking(shared)
    terminal.showing("no jobs")
    terminal.close()
    assert program.wait() == 0


def test_a_coordinator_that_dies_is_waited_for(tmp_path: Path, terminal: Terminal, looking: Looking) -> None:
    with cluster(tmp_path / "own") as own:
        own.add_worker(1, "--name", "alder")
        program = looking(own)
        terminal.showing("alder")
        own.coordinator.kill()
        assert any("alder" in line for line in terminal.showing("connection lost"))
        own.start_coordinator(port=own.port)
        terminal.without("connection lost")
        terminal.showing("alder")
        terminal.type(b"q")
        assert ended(program, terminal) == 0


def test_another_size_of_the_terminal(shared: Cluster, terminal: Terminal, looking: Looking) -> None:
    program = looking(shared, "--interval", 3600)
    assert len(terminal.showing("no jobs")) == 30
    terminal.resize(40, 10)
    program.signal(signal.SIGWINCH)
    assert len(terminal.showing("no jobs")) == 10
    terminal.type(b"q")
    assert ended(program, terminal) == 0


def test_a_pause_gives_the_terminal_back_for_as_long(shared: Cluster, terminal: Terminal, looking: Looking) -> None:
    program = looking(shared)
    process = psutil.Process(program.process.pid)
    terminal.showing("no jobs")
    program.signal(signal.SIGTSTP)
    until(lambda: process.status() == psutil.STATUS_STOPPED, "it to pause")
    terminal.picture()
    assert terminal.seen.endswith(LEAVE)
    assert terminal.current_settings() == terminal.settings
    terminal.seen = b""
    program.signal(signal.SIGCONT)
    terminal.showing("no jobs")
    terminal.type(b"q")
    assert ended(program, terminal) == 0


def test_a_coordinator_that_is_not_there_is_no_reason_for_a_picture(tmp_path: Path, terminal: Terminal) -> None:
    command = [BIN / "vidproc", "top", "--unix-socket", tmp_path / "none"]
    done = subprocess.run(list(map(str, command)), **terminal.streams)
    terminal.picture()
    assert done.returncode == 3
    assert terminal.seen.startswith(b"error: no coordinator answers at unix:")
    assert ENTER not in terminal.seen


Where = Callable[[Cluster], tuple[object, ...]]


@pytest.mark.parametrize("where", [lambda it: it.by_tcp, lambda it: it.by_unix], ids=["tcp", "unix"])
@pytest.mark.parametrize("words", [(), ("--once",)], ids=["unasked", "asked"])
def test_without_a_terminal_it_looks_once(shared: Cluster, where: Where, words: tuple[str, ...]) -> None:
    outcome = top(*where(shared), *words)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.decode().splitlines()
    assert ", 0 of 2 slots busy, 0 jobs, 0 chunks queued, 1 worker" in lines[1]
    assert lines[3] == "no jobs"
    assert lines[5].split()[:2] == ["WORKER", "SLOTS"]
    assert all(line.isprintable() and line == line.rstrip() for line in lines)


def test_it_needs_nothing_heavy(shared: Cluster) -> None:
    code = (
        "import sys\nfrom vidproc.cli.top import main\n"
        f"assert main({list(map(str, (*shared.by_unix, '--once')))}) == 0\n"
        "print(*({'cv2', 'av', 'numpy', 'fastapi', 'pydantic', 'sqlalchemy'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


def test_for_programs(shared: Cluster, film: Path, gate: Gate) -> None:
    sent = shared.send(film, "out.mp4", "--detach", "--filter", gate.filter)
    assert sent.code == 0, sent.err
    gate.reached(2)
    told = top(*shared.by_tcp, "--once", "--json").told
    gate.open()
    assert (told["slots"], told["busy"], told["jobs_total"], told["workers_total"]) == (2, 2, 1, 1)
    (job,) = told["jobs"]
    assert (job["id"], job["state"], job["name"]) == (_id(sent.out), "running", film.name)
    assert (job["frames_total"], job["slots"]) == (60, 2)
    assert told["workers"][0]["busy"] == 2
    shared.nothing_left()


def _id(out: bytes) -> str:
    return out.decode().split()[0]


def test_a_line_for_each_look_until_nobody_reads_them(shared: Cluster) -> None:
    command = [BIN / "vidproc", "top", *shared.by_tcp, "--json", "--interval", 0.1]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        first, second = (json.loads(program.stdout.readline()) for _ in range(2))
        assert first["up_s"] <= second["up_s"]
        assert first["at"] < second["at"]
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


def test_lines_go_on_when_the_coordinator_is_back(tmp_path: Path, start: Start) -> None:
    with cluster(tmp_path / "own") as own:
        program = start("top", door=(BIN / "vidproc", "top", *own.by_tcp, "--json", "--interval", 0.1))
        program.saying('"up_s"')
        own.coordinator.kill()
        program.saying("connection lost")
        own.start_coordinator(port=own.port)
        until(lambda: '"up_s"' in program.said.rpartition("trying again\n")[2], "more lines")
        program.signal(signal.SIGINT)
        assert program.wait() == 130


def test_the_token_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a token of some length")
    with cluster(tmp_path / "own", "--token-file", tmp_path / "token") as own:
        assert top(*own.by_tcp, "--once", "--token-file", tmp_path / "token").code == 0
        refused = top(*own.by_tcp, "--once")
        assert (refused.code, refused.out) == (3, b"")
        assert "token" in refused.complaint


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf", "soon"])
def test_an_interval_is_a_time(interval: str) -> None:
    outcome = top("--interval", interval)
    assert outcome.code == 2
    assert "is no number of seconds from 0.1 to 86400" in outcome.err
