"""Shared transactions over a real file: who waits goes on after the commit, and one that fails harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from vidproc.errors import ClientError, StorageError
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
    refused(tmp_path / "d", StorageError, "the database is damaged .*: restore it, or move its files away")
    (tmp_path / "d").write_bytes(b"this is no database, nor was it ever" * 200)
    refused(tmp_path / "d", StorageError, "the database is damaged .file is not a database.")


def test_a_folder_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    refused(tmp_path / "gone" / "d", StorageError, "the database: unable to open database file")


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
