"""A coordinator and worker daemons, started from bin/ as a user starts them, and the processor time that they use."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from benchmarks.usage import cpu_seconds
from vidproc import scratch
from vidproc.transport.address import Address

BIN = Path(__file__).parents[1] / "bin"

_READY_S = 30.0
_STOP_S = 15.0


def has_python() -> bool:
    """Whether the programs in bin/ can run here: with the tree's own environment, or with what `python3` has."""
    done = subprocess.run([str(BIN / "vidproc-worker"), "--version"], capture_output=True, check=False)
    return done.returncode == 0


class Cluster:
    """Where to send jobs, and what the daemons have used so far. `where`: as options; `pages`: where to look at it;
    `pids`: the coordinator's, then the workers'."""

    def __init__(self, address: Address, pages: str, pids: Sequence[int], slots: int) -> None:
        self.address = address
        self.pages = pages
        self.where = _options(address)
        self.pids = pids
        self.slots = slots
        self._coordinator, *self._workers = map(psutil.Process, pids)

    def cpu_seconds(self) -> tuple[float, float]:
        """Of the coordinator with its media processes, and of the worker daemons with their slots; ended ones too."""
        return cpu_seconds(self._coordinator), sum(map(cpu_seconds, self._workers))


@contextlib.contextmanager
def started(slots: int, unix: bool = False, daemons: int = 1) -> Iterator[Cluster]:
    """A cluster in a folder of its own, on a free port or an AF_UNIX socket, stopped again at the end.

    The slots are dealt out among the daemons, each of which has at least one.
    """
    with scratch.folder() as folder, contextlib.ExitStack() as stack:
        path, port, pages = folder / "socket", _free_port(), _free_port()
        address = Address.unix(path) if unix else Address.tcp("localhost", port)
        listen = ["--port", str(port), "--preview-port", str(pages)]
        listen += ["--unix-socket", str(path), "--data-dir", str(folder / "data")]
        pids = [stack.enter_context(_program("coordinator", folder / "coordinator.log", *listen)).pid]
        _wait_for(path, folder / "coordinator.log")
        shares = _dealt(slots, daemons)
        for number, share in enumerate(shares, 1):
            options = [*_options(address), "--processes", str(share), "--name", f"daemon-{number}"]
            pids.append(stack.enter_context(_program("worker", folder / f"worker-{number}.log", *options)).pid)
        yield Cluster(address, f"http://localhost:{pages}", pids, sum(shares))


def _options(address: Address) -> list[str]:
    if address.scheme == "unix":
        return ["--unix-socket", address.path]
    return ["--host", address.host, "--port", str(address.port)]


def _dealt(slots: int, daemons: int) -> list[int]:
    return [max(1, slots // daemons + (number < slots % daemons)) for number in range(daemons)]


@contextlib.contextmanager
def _program(name: str, log_path: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with open(log_path, "wb") as log:
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
