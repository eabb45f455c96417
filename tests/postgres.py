"""A PostgreSQL server of the tests' own, on a free port of loopback, in a folder that vanishes with it."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.end_to_end.programs import die_with_the_tests, until

_USER = "vidproc"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "20",
    "dynamic_shared_memory_type": "mmap",
}


def _program(name: str) -> Path | None:
    """Where this program of PostgreSQL's lies: Debian puts them out of the path, by their version."""
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True), shutil.which(name)]
    return next((Path(path) for path in found if path), None)


class Postgres:
    """A server that runs; each test asks it for a database of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(1)

    def url(self, name: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/{name}"

    def accepts(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres")):
            return True
        return False

    def new_database(self) -> str:
        """Its URL."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    @contextlib.contextmanager
    def away(self, url: str) -> Iterator[None]:
        """For whoever uses that database, until the block ends."""
        name = url.rpartition("/")[2]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            self.hang_up()
            yield
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())

    def hang_up(self) -> None:
        """On all who are connected, as a server does that is started anew."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            others = "backend_type = 'client backend' AND datname != 'postgres'"
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}".encode())


@contextlib.contextmanager
def serving() -> Iterator[Postgres]:
    """A server; skips the test where there is none to start. It refuses to run as root, and is somebody else then."""
    initdb, postgres = _program("initdb"), _program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL is not installed here: apt-get install postgresql")
    given: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": "/"}
    if os.geteuid() == 0:
        given |= {"user": _somebody(), "group": pwd.getpwnam(_somebody()).pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="vidproc-postgres-", dir="/tmp"))  # nobody else may enter the tests' own
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _somebody())
        words = ("-D", folder / "data", "-U", _USER, "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        subprocess.run([initdb, *words], check=True, **given)
        with _run(postgres, folder / "data", given) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _run(postgres: Path, data: Path, given: dict[str, Any]) -> Iterator[Postgres]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    command = [postgres, "-D", data, "-p", str(port), *settings]
    with subprocess.Popen(command, preexec_fn=die_with_the_tests, **{**given, "stderr": subprocess.DEVNULL}) as process:
        try:
            server = Postgres(port)
            until(lambda: server.accepts() or process.poll() is not None, "PostgreSQL to start")
            assert process.poll() is None
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # which ends its connections


def _somebody() -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"
