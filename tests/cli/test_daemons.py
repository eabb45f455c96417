"""What the two daemons have in common."""

from __future__ import annotations

import argparse
import io
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from vidproc.cli import daemons

Logs = Callable[[], structlog.typing.FilteringBoundLogger]


@pytest.fixture
def logs() -> Iterator[Logs]:
    def logs() -> structlog.typing.FilteringBoundLogger:
        daemons.configure_logs(argparse.Namespace(log_format="console", log_level="info"))
        made: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        return made

    yield logs
    structlog.reset_defaults()


def test_what_others_named_is_printable_in_the_logs(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    logs().info("job", name="film\x1b[31m\nforged   line.mp4")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("name='film?[31m forged line.mp4'")


def test_a_traceback_keeps_its_lines_in_the_logs(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("no \x1b[2J")
    except ValueError:
        logs().exception("bug")
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no ?[2J"


def test_a_log_that_nobody_takes_stops_no_work(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(full, write_through=True))  # type: ignore[type-var]
        log = logs()
        for _ in range(1000):
            log.info("a line of the log")


def test_a_program_that_something_holds_leaves_all_the_same() -> None:
    """Python would wait for the thread, which waits for ever."""
    held = (
        "import threading; from vidproc.cli import daemons; threading.Thread(target=threading.Event().wait).start();"
        "daemons.leave_within(0.1, 7)"
    )
    done = subprocess.run([sys.executable, "-c", held], capture_output=True, text=True, timeout=30)
    assert done.returncode == 7
    assert "stopping takes too long" in done.stdout + done.stderr


def test_a_coordinator_that_waits_for_its_database_stops_when_it_is_told_to(tmp_path: Path) -> None:
    started = (
        "import sys; from vidproc.cli import coordinator; coordinator._STOP_LIMIT_S = 0.1;"
        "sys.exit(coordinator.main(sys.argv[1:]))"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        words = [sys.executable, "-c", started, "--port", "0", "--data-dir", str(tmp_path), "--database-url", url]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as program:
            try:
                connection, _ = silent.accept()
                with connection:
                    program.send_signal(signal.SIGTERM)
                    _, said = program.communicate(timeout=30)
            finally:
                program.kill()
    assert program.returncode == 0
    assert "stopping takes too long" in said
