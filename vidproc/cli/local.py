"""`make run-local` and `make serve`: a whole cluster on this host, as its user starts it, and a film through it."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from vidproc import scratch
from vidproc.cli import options
from vidproc.errors import UnreachableError

_OUT = "out/result.mp4"
_PAGES = 8080
_READY_S = 30.0
_DRAIN_S = 5.0
_STOP_S = 15.0


def parser() -> argparse.ArgumentParser:
    made = options.parser(
        "vidproc-local",
        "Start a coordinator and a worker daemon on this host, process a film through them, and stop them again.",
        "  python -m vidproc.cli.local --processing edges --out out/edges.mp4",
    )
    made.add_argument("--video", metavar="IN", help="the film (default: one that is made)")
    made.add_argument("--processing", default="blur", metavar="NAME", help="the filter")
    made.add_argument("--out", metavar="OUT", help=f"where the result goes (default: {_OUT}, replaced if it exists)")
    made.add_argument("--serve", action="store_true", help="keep the coordinator and the daemon until Ctrl-C")
    made.add_argument("--port", type=int, default=9090, metavar="P", help="the coordinator's with --serve")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    given = parser().parse_args(argv)
    return options.run(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    out = Path(given.out or _OUT)
    with scratch.folder() as folder, contextlib.ExitStack() as stack:
        video = given.video or _sample(folder / "sample.mp4")
        port, unix_socket = (given.port if given.serve else _free_port()), folder / "vidproc.sock"
        pages = _free_port(_PAGES) if given.serve else None
        where = ["--port", str(port), "--unix-socket", str(unix_socket), "--data-dir", str(folder / "data")]
        stack.enter_context(_program("coordinator", *where, "--preview-port", str(pages or "off")))
        _wait_for(unix_socket)
        stack.enter_context(_program("worker", "--unix-socket", str(unix_socket), "--drain-timeout", str(_DRAIN_S)))
        out.parent.mkdir(parents=True, exist_ok=True)
        code = _send(given, video, out, port, folder / "metrics.json")
        if code == 0:
            _show(folder / "metrics.json", out)
        if code == 0 and pages:
            _stay(port, pages, unix_socket)
        return code


def _sample(path: Path) -> str:
    from vidproc.media.sample import make_sample

    print("making a film of 10 s ...", flush=True)
    make_sample(path)
    return str(path)


def _free_port(wanted: int = 0) -> int:
    """The one that is wanted if it is free, or else another."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as server:
            port: int = server.getsockname()[1]
            return port
    except OSError:
        return _free_port()


@contextlib.contextmanager
def _program(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon of ours in the background, stopped as a user stops it."""
    command = [sys.executable, "-m", f"vidproc.cli.{name}", *arguments]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(unix_socket: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(unix_socket))
            return
        time.sleep(0.05)
    raise UnreachableError("the coordinator did not start: see what it says above")


def _send(given: argparse.Namespace, video: str, out: Path, port: int, metrics: Path) -> int:
    """By TCP, while the daemon works by AF_UNIX: both ways are shown."""
    words = ["--video", video, "--processing", given.processing, "--out", str(out)]
    words += [] if given.out else ["--overwrite"]
    where = ["--host", "localhost", "--port", str(port), "--metrics-json", str(metrics)]
    command = [sys.executable, "-m", "vidproc.cli.send", *words, *where]
    return subprocess.run(command, check=False).returncode


def _show(metrics: Path, out: Path) -> None:
    figures = json.loads(metrics.read_text())
    for name in ("frames_out", "wall_s", "processing_fps", "latency_ms", "seconds", "bytes_in", "bytes_out", "sha256"):
        print(f"{name:>15}: {figures[name]}")
    print(f"{'result':>15}: {out.resolve()}", flush=True)


def _stay(port: int, pages: int, unix_socket: Path) -> None:
    print(f"serving on localhost port {port} and {unix_socket}; Ctrl-C stops it", flush=True)
    print(f"  http://localhost:{pages}  to drop a film and watch", flush=True)
    print(f"  vidproc-send --port {port} --video IN --processing edges --out OUT", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("stopping", flush=True)


if __name__ == "__main__":
    sys.exit(main())
