"""A coordinator and a worker daemon, started from bin/ as a user starts them, and the processor time that they use."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

BIN = Path(__file__).parents[1] / "bin"

_READY_S = 30.0
_STOP_S = 15.0


def has_python() -> bool:
    """Whether the programs in bin/ can run here: with the tree's own environment, or with what `python3` has."""
    done = subprocess.run([str(BIN / "vidproc-worker"), "--version"], capture_output=True, check=False)
    return done.returncode == 0


class Cluster:
    """Where to send jobs, and what the daemons have used so far."""

    def __init__(self, where: list[str], coordinator: int, worker: int, slots: int) -> None:
        self.where = where
        self.slots = slots
        self._coordinator = psutil.Process(coordinator)
        self._worker = psutil.Process(worker)

    def cpu_seconds(self) -> tuple[float, float]:
        """Of the coordinator with its media processes, and of the worker daemon with its slots; ended ones too."""
        return _cpu_seconds(self._coordinator), _cpu_seconds(self._worker)


def _cpu_seconds(parent: psutil.Process) -> float:
    """A media process ends with its job, and its time is then its parent's: the fork server's, which waited for it."""
    seconds = 0.0
    for process in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])
    return seconds


@contextlib.contextmanager
def started(slots: int, unix: bool = False) -> Iterator[Cluster]:
    """A cluster in a folder of its own, on a free port or an AF_UNIX socket, stopped again at the end."""
    with tempfile.TemporaryDirectory(prefix="vidproc-bench-") as name, contextlib.ExitStack() as stack:
        folder, path, port = Path(name), Path(name) / "socket", _free_port()
        where = ["--unix-socket", str(path)] if unix else ["--host", "localhost", "--port", str(port)]
        listen = ["--port", str(port), "--unix-socket", str(path), "--data-dir", str(folder / "data")]
        coordinator = stack.enter_context(_program("coordinator", folder, *listen))
        _wait_for(path, folder / "coordinator.log")
        worker = stack.enter_context(_program("worker", folder, *where, "--processes", str(slots)))
        yield Cluster(where, coordinator.pid, worker.pid, slots)


@contextlib.contextmanager
def _program(name: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with open(folder / f"{name}.log", "wb") as log:
        command = [str(BIN / f"vidproc-{name}"), *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(path: Path, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return
        time.sleep(0.05)
    raise RuntimeError(f"the coordinator did not start: {log.read_text(errors='replace')[-2000:]}")
