"""The programs as a person starts them: from bin/, with real sockets and signals, on free ports.

`send` runs a client inside the test's own process, by the very function that bin/vidproc-send calls. It is the same
but for the start of an interpreter, which would be most of the time of a test that only looks at a refusal.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from vidproc.cli import doctor as doctor_program
from vidproc.cli import jobs as jobs_program
from vidproc.cli import run as run_program
from vidproc.cli import send as send_program
from vidproc.cli import top as top_program

BIN = Path(__file__).parents[2] / "bin"
LIMIT_S = 30.0


def until(condition: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """What `condition` gives as soon as it is true; fails after the limit."""
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {limit_s:g} s for {what}"
        time.sleep(0.01)
    return found


def measured(what: str, since: float) -> None:
    """For docs/reliability.md; `pytest -s` shows it. No test asserts it."""
    print(f"measured: {what} after {time.monotonic() - since:.2f} s")


def gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether all have ended; one that nobody has reaped yet has, too."""
    return not any(it.is_running() and it.status() != psutil.STATUS_ZOMBIE for it in processes)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """How a program ended. `err` is all it said on standard error."""

    code: int
    out: bytes
    err: str

    @property
    def told(self) -> Any:
        """What it said as JSON; fails if it did not end well."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line that says what is wrong; fails if there are more, or anything that no person wants to see."""
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith("error: ") or ": error: " in line]
        assert len(lines) == 1, self.err
        assert self.err.splitlines()[-1] == lines[0], self.err
        return lines[0]


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_the_tests() -> None:
    """For the new process: a session of tests that is killed leaves no daemons that dial for ever."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """One program in the background; what it says goes to a file. `door` is what starts it, if not the one in bin/;
    `within` is a command that runs it, in place of itself, in other surroundings."""

    def __init__(
        self,
        name: str,
        *words: object,
        folder: Path,
        door: Sequence[object] | None = None,
        within: Sequence[object] = (),
        **options: Any,
    ) -> None:
        self.log_file = folder / f"{name}-{time.monotonic_ns()}.log"
        self.command = [*map(str, within), *map(str, door or [BIN / f"vidproc-{name}"]), *map(str, words)]
        with open(self.log_file, "wb") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            given = {**streams, "start_new_session": True, "preexec_fn": die_with_the_tests, **options}
            self.process = subprocess.Popen(self.command, **given)

    @property
    def said(self) -> str:
        return self.log_file.read_text(errors="replace")

    def saying(self, words: str) -> str:
        """Wait for these words in its log; the line that they are on."""

        def line() -> str:
            found = [line for line in self.said.splitlines() if words in line]
            assert found or self.process.poll() is None, f"{self.command[0]} ended: {self.said}"
            return found[0] if found else ""

        return str(until(line, f"{self.command[0]} to say {words!r}"))

    def wait(self, limit_s: float = LIMIT_S) -> int:
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} goes on after {limit_s:g} s: {self.said}") from None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """As a service manager stops it. Programs promise to be gone within 10 s."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(10)

    def family(self) -> list[psutil.Process]:
        """All that it has started, and what these have."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> list[psutil.Process]:
        """SIGKILL for itself alone, as the kernel does it; its family, which is to end of itself."""
        family = self.family()
        self.signal(signal.SIGKILL)
        self.process.wait()
        return family

    def end(self) -> None:
        """Whatever happens, nothing of it is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


Start = Callable[..., Program]
"""`start("run", ...)`: a program from bin/ that is gone when the test is over."""


def behind(program: str, constant: str, value: object) -> tuple[object, ...]:
    """A door to a program in which a constant, by its full name, is another: for limits that no option sets, and that
    would let a test take its time."""
    module, _, name = constant.rpartition(".")
    code = (
        f"import sys; import {module} as changed; assert hasattr(changed, {name!r}); changed.{name} = {value!r}\n"
        f"from vidproc.cli.{program} import main; sys.exit(main())"
    )
    return sys.executable, "-P", "-c", code


class Cluster:
    """A coordinator and its daemons in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.data = folder / "data"
        self.unix = folder / "socket"
        self.programs: list[Program] = []

    def start(self, name: str, *words: object, **options: Any) -> Program:
        program = Program(name, *words, folder=self.folder, **options)
        self.programs.append(program)
        return program

    def start_coordinator(self, *words: object, port: int = 0, **options: Any) -> Program:
        where = ("--port", port, "--unix-socket", self.unix, "--data-dir", self.data)
        program = self.start("coordinator", *where, "--log-format", "json", *words, **options)
        ready = json.loads(program.saying('"ready"'))
        self.listening: list[str] = ready["listening"]
        self.pages: list[str] = ready["pages"]
        self.port = int(next(it for it in self.listening if it.startswith("tcp")).rpartition(":")[2])
        self.coordinator = program
        return program

    def add_worker(self, processes: int = 1, *words: object, unix: bool = False, **options: Any) -> Program:
        where = self.by_unix if unix else self.by_tcp
        words = (*where, "--processes", processes, "--log-format", "json", *words)
        worker = self.start("worker", *words, **options)
        worker.saying('"connected"')
        return worker

    @property
    def by_tcp(self) -> tuple[object, ...]:
        return "--host", "localhost", "--port", self.port

    @property
    def by_unix(self) -> tuple[object, ...]:
        return "--unix-socket", self.unix

    def send(self, video: object, out: object, *words: object, unix: bool = False) -> Outcome:
        return send("--video", video, "--out", out, *(self.by_unix if unix else self.by_tcp), *words)

    def jobs(self, verb: str, *words: object) -> Outcome:
        """vidproc jobs in this process."""
        return _called(jobs_program.main, (verb, *words, *self.by_tcp))

    def sending(self, video: object, out: object, *words: object, port: int = 0, **options: Any) -> Program:
        """The same in the background, from bin/."""
        where = ("--host", "127.0.0.1", "--port", port or self.port)
        return self.start("send", "--video", video, "--out", out, *where, *words, **options)

    def log(self, event: str) -> list[dict[str, Any]]:
        """Lines of the coordinator's log about that event."""
        lines = [json.loads(line) for line in self.coordinator.said.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def media_processes(self) -> list[psutil.Process]:
        """One waits for the next job. The coordinator's children are `multiprocessing`'s servers; theirs are these."""
        coordinator = self.coordinator.process.pid
        family = psutil.Process(coordinator).children(recursive=True)
        return [process for process in family if process.ppid() != coordinator]

    def jobs_left(self) -> list[Path]:
        """Folders of jobs that hold anything but a result and what it takes to make that again."""
        return [folder for folder in (self.data / "jobs").iterdir() if set(_listed(folder)) - {"result", "files"}]

    def nothing_left(self) -> None:
        """Wait until the coordinator holds nothing but results any more."""
        until(lambda: not self.jobs_left(), "the coordinator to forget its jobs")

    def close(self) -> None:
        codes = {program.command[0]: program.stop() for program in self.programs if program.process.poll() is None}
        assert set(codes.values()) <= {0}, codes


def _listed(folder: Path) -> list[str]:
    """The names in a folder, which may vanish at any moment."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def chunks_written(data: Path) -> int:
    """How many chunks of jobs that have not ended are in the database. It is copied, or to look would mend it."""
    seen = data.with_name("seen")
    seen.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError, sqlite3.DatabaseError):  # it died before there was a table
        for path in data.glob("vidproc.db*"):
            shutil.copy(path, seen)
        with contextlib.closing(sqlite3.connect(seen / "vidproc.db")) as database:
            return int(database.execute("SELECT count(*) FROM chunks").fetchone()[0])
    return 0


@contextlib.contextmanager
def cluster(folder: Path, *words: object, **options: Any) -> Iterator[Cluster]:
    """A coordinator that stops, with all that was started beside it, at the end."""
    made = Cluster(folder)
    try:
        made.start_coordinator(*words, **options)
        yield made
        made.close()
    finally:
        for program in made.programs:
            program.end()


def send(*words: object) -> Outcome:
    """vidproc-send in this process."""
    return _called(send_program.main, words)


def top(*words: object) -> Outcome:
    """vidproc top in this process."""
    return _called(top_program.main, words)


def run(*words: object) -> Outcome:
    """vidproc-run in this process."""
    return _called(run_program.main, words)


def doctor(*words: object) -> Outcome:
    """vidproc doctor in this process."""
    return _called(doctor_program.main, words)


def _called(main: Callable[[list[str]], int], words: tuple[object, ...]) -> Outcome:
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
    out.flush()
    return Outcome(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]
