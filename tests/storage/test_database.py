"""Shared transactions over a real file: who waits goes on after the commit, and one that fails harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from tests.loops import until
from tests.postgres import Postgres
from vidproc.errors import ClientError, StorageError
from vidproc.storage import database as module
from vidproc.storage import server_start, server_wire
from vidproc.storage.database import Database, url_of_file
from vidproc.storage.tables import VERSION, schema

LIMIT_S = 20.0


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, LIMIT_S))


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    database = Database(url_of_file(path))
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def add(number: int) -> Callable[[sa.Connection], int]:
    """A row in the only table that takes any number."""

    def work(connection: sa.Connection) -> int:
        connection.execute(schema.insert().values(version=-number))
        return number

    return work


def refuse(connection: sa.Connection) -> None:
    connection.execute(schema.insert().values(version=-99))
    raise KeyError("a bug")


def seen_by_others(path: Path) -> list[int]:
    """What is committed, as another process reads it."""
    with contextlib.closing(sqlite3.connect(path)) as other:
        return sorted(-version for (version,) in other.execute("SELECT version FROM schema_version WHERE version < 0"))


def commits_of(database: Database) -> list[str]:
    found: list[str] = []
    sa.event.listen(database._engine, "commit", lambda _: found.append("commit"))
    return found


def test_what_waits_at_the_same_time_is_committed_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            commits = commits_of(database)
            assert await asyncio.gather(*(database.write(add(n)) for n in range(1, 51))) == list(range(1, 51))
            assert seen_by_others(tmp_path / "d") == list(range(1, 51))
            assert len(commits) == 1

    run(main())


def test_one_that_fails_takes_none_of_its_neighbours_along(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            works = [database.write(work) for work in (add(1), refuse, add(2))]
            first, failed, second = await asyncio.gather(*works, return_exceptions=True)
            assert (first, second) == (1, 2)
            assert isinstance(failed, KeyError)
            assert seen_by_others(tmp_path / "d") == [1, 2]

    run(main())


def test_nobody_goes_on_before_the_commit(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            seen: list[list[int]] = []
            sa.event.listen(database._engine, "commit", lambda _: seen.append(seen_by_others(tmp_path / "d")))
            assert await database.write(add(7)) == 7
            assert seen == [[]], "at its commit nobody had heard of it"
            assert seen_by_others(tmp_path / "d") == [7]

    run(main())


def test_it_is_written_though_nobody_waits_any_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            database.write(add(3)).cancel()
        assert seen_by_others(tmp_path / "d") == [3]

    run(main())


def test_each_commit_is_synced_and_held_by_one_connection(tmp_path: Path) -> None:
    """2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous."""

    def settings(connection: sa.Connection) -> tuple[Any, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names)

    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            assert await database.read(settings) == ("wal", 2, 1)
            connected: list[Any] = []
            sa.event.listen(database._engine, "connect", lambda it, _: connected.append(it))
            await asyncio.gather(database.read(settings), *(database.write(add(n)) for n in range(20)))
            assert connected == []

    run(main())


def limit_pages(database: Database) -> None:
    """As if the disk had no room for another page."""

    def limited(connection: Any, *_: object) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(database._engine, "begin", limited)


def grow(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE large AS SELECT zeroblob(100000) AS bytes")


def test_a_full_disk_is_called_that_and_is_not_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            limit_pages(database)
            full, small = await asyncio.gather(database.write(grow), database.write(add(1)), return_exceptions=True)
            assert isinstance(full, StorageError)
            assert str(full) == "cannot write the database: the disk is full"
            assert small == 1 or isinstance(small, StorageError)
            assert await database.write(add(2)) == 2
            assert 2 in seen_by_others(tmp_path / "d")

    run(main())


def test_a_full_disk_at_the_commit_is_everyones(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:

            def fail(_: object) -> None:
                raise sa.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError("database or disk is full"))

            sa.event.listen(database._engine, "commit", fail)
            for error in await asyncio.gather(*(database.write(add(n)) for n in (1, 2)), return_exceptions=True):
                assert str(error) == "cannot write the database: the disk is full"
            sa.event.remove(database._engine, "commit", fail)
            await database.write(add(3))
            assert seen_by_others(tmp_path / "d") == [3]

    run(main())


def refused(path: Path, error: type[Exception], said: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=said):
            await Database(url_of_file(path)).open()

    run(main())


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            await database.write(lambda connection: connection.execute(schema.insert().values(version=VERSION + 1)))

    run(main())
    refused(tmp_path / "d", ClientError, f"newer vidproc .its version is {VERSION + 1}, this one's {VERSION}")


def test_a_damaged_database_is_refused_with_the_way_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d") as database:
            await asyncio.gather(*(database.write(add(n)) for n in range(5000)))

    run(main())
    whole = (tmp_path / "d").read_bytes()
    (tmp_path / "d").write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    refused(tmp_path / "d", StorageError, "damaged .*: restore it, or .* without its jobs and their results")
    (tmp_path / "d").write_bytes(b"this is no database, nor was it ever" * 200)
    refused(tmp_path / "d", StorageError, "the database is damaged .file is not a database.")


def test_a_folder_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    refused(tmp_path / "gone" / "d", StorageError, "the database: unable to open database file")


def test_a_file_has_one_coordinator_at_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path / "d"):
            (tmp_path / "elsewhere").mkdir()
            (tmp_path / "elsewhere" / "link").symlink_to(tmp_path / "d")
            for name in ("d", "elsewhere/link"):
                with pytest.raises(ClientError, match=f"/{name}: another coordinator is using this database"):
                    await Database(url_of_file(tmp_path / name)).open()
        async with opened(tmp_path / "d"):
            pass

    run(main())


@pytest.mark.parametrize(("instead", "said"), [(False, "/d is gone: No such file"), (True, "/d was replaced")])
def test_what_would_go_into_a_file_that_was_removed_is_refused(tmp_path: Path, instead: bool, said: str) -> None:
    """SQLite itself goes on writing into it."""
    path, away = tmp_path / "d", tmp_path / "away"

    async def main() -> None:
        async with opened(path) as database:
            path.rename(away)
            if instead:
                path.touch()
            with pytest.raises(StorageError, match=said):
                await database.write(add(1))
            away.rename(path)
            await database.write(add(2))
            assert seen_by_others(path) == [2]

    run(main())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no url", "give sqlite:///PATH or postgresql://USER@HOST/NAME"),
        ("mysql://me@here/jobs", "mysql is neither sqlite nor postgresql"),
        ("postgresql+nothing://me@here/jobs", "give sqlite:///PATH or postgresql://USER@HOST/NAME"),
    ],
)
def test_another_url_is_refused(url: str, said: str) -> None:
    with pytest.raises(ClientError, match=f"^--database-url: {said}$"):
        Database(url)


def test_without_a_thread_whoever_waits_hears_of_it(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(url_of_file(tmp_path / "d"))
        await database.open()
        await database.close()
        for error in await asyncio.gather(*(database.write(add(n)) for n in (1, 2)), return_exceptions=True):
            assert isinstance(error, StorageError)
            assert "after shutdown" in str(error)

    run(main())


def test_coordinators_that_are_first_at_the_same_time_make_the_tables_once(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a lock both have looked before either makes any."""
    url, both, look = postgres.new_database(), threading.Barrier(2), module._version

    def looked(connection: sa.Connection) -> int:
        found = look(connection)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1.0)
        return found

    async def main() -> None:
        databases = [Database(url), Database(url)]
        await asyncio.gather(*(database.open() for database in databases))
        count = sa.select(sa.func.count()).select_from(schema)
        assert await databases[0].read(lambda connection: connection.execute(count).scalar()) == 1
        for database in databases:
            await database.close()

    monkeypatch.setattr(module, "_version", looked)
    run(main())


def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._POSTGRES, "connect_timeout", 2)
    monkeypatch.setattr(server_start, "_PATIENCE_S", 0.1)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            database = Database(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/jobs")
            with pytest.raises(StorageError, match="timeout"):
                await database.open()

    run(main())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.asynccontextmanager
async def reached_at(port: int, postgres: Postgres) -> AsyncIterator[None]:
    """A server that is there from now on at that port, too."""
    to = sa.make_url(postgres.url("any"))
    assert to.host is not None
    writers: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its_reader, its_writer = await asyncio.open_connection(to.host, to.port)
        await asyncio.gather(carry(reader, its_writer), carry(its_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield
    for writer in writers:
        await writer.wait_closed()


def test_a_server_that_is_started_later_is_waited_for(postgres: Postgres) -> None:
    port = free_port()
    url = sa.make_url(postgres.new_database()).set(port=port).render_as_string(hide_password=False)

    async def main() -> None:
        with structlog.testing.capture_logs() as said:
            database = Database(url)
            opening = asyncio.create_task(database.open())
            await until(lambda: said or opening.done())
            assert not opening.done()
            async with reached_at(port, postgres):
                await opening
                assert await database.write(add(1)) == 1
                await database.close()
        assert [line["event"] for line in said] == ["the database's server does not answer: waiting for it"]

    run(main())


@pytest.mark.parametrize("url", ["postgresql://vidproc@127.0.0.1:{port}/gone", "postgresql://nobody@127.0.0.1:{port}/x"])
def test_what_a_server_itself_refuses_is_not_waited_for(postgres: Postgres, url: str) -> None:
    port = sa.make_url(postgres.url("any")).port

    async def main() -> None:
        with structlog.testing.capture_logs() as said, pytest.raises(StorageError, match="does not exist"):
            await Database(url.format(port=port)).open()
        assert said == []

    run(main())


def test_a_server_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_start, "_PATIENCE_S", 0.1)

    async def main() -> None:
        with pytest.raises(StorageError, match=r"^the database: connection failed: .* refused"):
            await Database(f"postgresql://me@127.0.0.1:{free_port()}/jobs").open()

    run(main())


def test_what_takes_too_long_is_given_up(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._POSTGRES, "options", "-c statement_timeout=100")

    async def main() -> None:
        database = Database(postgres.new_database())
        await database.open()
        with pytest.raises(StorageError, match="statement timeout"):
            await database.write(lambda connection: connection.execute(sa.select(sa.func.pg_sleep(60))))
        assert await database.write(add(1)) == 1
        await database.close()

    run(main())


def test_a_server_that_stands_still_while_its_host_lives_is_given_up(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_wire, "_SILENT_S", 0.5)
    stopped: list[int] = []

    def stop_who_serves(connection: sa.Connection) -> None:
        stopped.append(connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one())
        os.kill(stopped[0], signal.SIGSTOP)
        add(1)(connection)

    async def main() -> None:
        database = Database(postgres.new_database())
        await database.open()
        try:
            with pytest.raises(StorageError, match="the database"):
                await database.write(stop_who_serves)
            assert await database.write(add(1)) == 1, "another process of the server"
        finally:
            os.kill(stopped[0], signal.SIGCONT)
            await database.close()

    run(main())


def test_a_connection_is_watched_and_the_url_has_the_last_word(postgres: Postgres) -> None:
    def said(connection: sa.Connection) -> dict[str, str]:
        driver: Any = connection.connection.driver_connection
        return dict(driver.info.get_parameters())

    async def main() -> None:
        database = Database(postgres.new_database() + "?connect_timeout=7")
        await database.open()
        told = await database.read(said)
        assert (told["connect_timeout"], told["tcp_user_timeout"], told["keepalives_idle"]) == ("7", "10000", "5")
        await database.close()

    run(main())
