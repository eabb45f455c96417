"""What the two daemons have in common."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path


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


def test_a_coordinator_whose_database_is_away_stops_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"postgresql://nobody@127.0.0.1:{free.getsockname()[1]}/none"
    words = [sys.executable, "-m", "vidproc.cli.coordinator", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen([*words, "--database-url", url], stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stderr is not None
            assert "waiting for it" in program.stderr.readline()
            program.send_signal(signal.SIGTERM)
            _, said = program.communicate(timeout=30)
        finally:
            program.kill()
    assert (program.returncode, said) == (0, "")
