"""The database: one thread, one connection, and transactions that those share who wait at the same time.

A commit waits for the disk, and everything that a coordinator acknowledges waits for a commit. So what comes while a
transaction is under way goes into the next one together (group commit), each piece of work behind a savepoint of its
own: one that fails takes none of its neighbours along. Whoever waits goes on only after the commit.

SQLite is held by a single connection: with several, versions before 3.51.3 may damage the file when they begin its
write-ahead log anew (https://sqlite.org/changes.html).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from vidproc.errors import ClientError, StorageError, VidprocError, one_line
from vidproc.storage import server_start
from vidproc.storage.database_file import DatabaseFile
from vidproc.storage.server_wire import ServerWire
from vidproc.storage.tables import VERSION, metadata, schema

log = structlog.get_logger()

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

_BUSY_S = 60
"""Somebody may look into the file by other means, and hold it meanwhile; jobs wait that long."""
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={1000 * _BUSY_S}")

_POSTGRES = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=30000",
}
"""So that a server that is silent, or a lock that somebody holds, keeps the one thread for no longer: seconds, and
milliseconds for the last two. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""

_NO_URL = "--database-url: give sqlite:///PATH or postgresql://USER@HOST/NAME"

_MAKING_TABLES = 0x76696470726F63
"""The name of PostgreSQL's lock of those who look whether there are tables: "vidproc"."""


def url_of_file(path: Path) -> str:
    """The URL of a SQLite file."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def is_file(url: str) -> bool:
    """Whether the URL is of SQLite, which needs no server. Raises `ClientError` for what is no URL."""
    return _parsed(url).get_backend_name() == "sqlite"


def without_password(url: str) -> str:
    """For people to see: its options are left out too. Raises `ClientError` for what is no URL."""
    return _parsed(url).set(query={}).render_as_string(hide_password=True)


def passwords(url: str) -> tuple[str, ...]:
    """What nobody is to see of it, as PostgreSQL takes it from the URL. Raises `ClientError` for what is no URL."""
    parsed = _parsed(url)
    said = (parsed.password, *(parsed.query.get(name) for name in ("password", "sslpassword")))
    return tuple(str(each) for each in said if each)


@dataclass(slots=True, eq=False)
class _Order:
    """Work for the thread, what it gave or raised there, and who waits for that."""

    work: Work[Any]
    waiting: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.waiting.done():  # who waited was cancelled
            return
        if self.error is not None:
            self.waiting.set_exception(self.error)
        else:
            self.waiting.set_result(self.value)


class Database:
    """`open`, then `write` and `read` until `close`, all in one event loop.

    The URL is `sqlite:///PATH` or `postgresql://USER@HOST/NAME`. Raises `ClientError` for any other.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._file = _file(self._engine.url)
        self._wire = None if self._engine.dialect.name == "sqlite" else ServerWire(self._engine)
        self._thread = ThreadPoolExecutor(1, "database")
        self._orders: list[_Order] = []
        self._writing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make the tables where there are none. Raises `ClientError` for those of a newer version and a file that
        another coordinator has, and `StorageError` for a database that cannot be reached, which a server is given
        time for, or is damaged."""
        try:
            if self._wire is not None:
                await self._wait_for_server()
            await self._in_thread(self._prepare)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """All that was ordered is written before."""
        if self._writing is not None:
            await self._writing
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()
        if self._file is not None:
            self._file.let_go()

    @property
    def is_file(self) -> bool:
        """Whether it is this coordinator's alone."""
        return self._file is not None

    def write(self, work: Work[T]) -> asyncio.Future[T]:
        """What `work` gives, in the database's thread, once that is committed. Raises `StorageError`, and whatever the
        work raises, of which nothing is kept then. It is done also if nobody waits for it."""
        order = _Order(work, asyncio.get_running_loop().create_future())
        self._orders.append(order)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return order.waiting

    async def read(self, work: Work[T]) -> T:
        """What `work` gives, which changes nothing. It sees all that was committed before. Raises `StorageError`."""

        def reading() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await self._in_thread(reading)

    async def version(self) -> int:
        """Of the tables that are there, 0 for none; nothing is made. Raises `StorageError`."""
        return await self.read(_version)

    async def _write_all(self) -> None:
        try:
            while self._orders:
                orders, self._orders = self._orders, []
                try:
                    await self._do(partial(self._commit, orders))
                except RuntimeError as error:  # no thread to be had, or it has been shut down
                    _fail(orders, StorageError(f"the database: {error}"))
                for order in orders:
                    order.settle()
        finally:
            self._writing = None

    def _commit(self, orders: Sequence[_Order]) -> None:
        """All of them in one transaction. An error that ends that, such as a full disk, is everyone's."""
        try:
            if self._file is not None:
                self._file.demand()
            with self._engine.begin() as connection:
                for order in orders:
                    _carry_out(order, connection)
        except Exception as error:
            _fail(orders, _translated(error))

    async def _wait_for_server(self) -> None:
        try:
            await server_start.wait_for(self._engine, self._do)
        except SQLAlchemyError as error:
            raise _translated(error) from error

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await self._do(call)
        except SQLAlchemyError as error:
            raise _translated(error) from error

    async def _do(self, call: Callable[[], T]) -> T:
        asked = call if self._wire is None else partial(self._wire.watched, call)
        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    def _prepare(self) -> None:
        if self._file is not None:
            self._file.take()
        self._prepare_tables()
        if self._file is not None:
            self._file.note()

    def _prepare_tables(self) -> None:
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                _demand_soundness(connection)
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING_TABLES)))
            found = _version(connection)
            if found > VERSION:
                raise ClientError(
                    f"the database was written by a newer vidproc (its version is {found}, this one's {VERSION}): "
                    "start that one, or give another --data-dir or --database-url"
                )
            metadata.create_all(connection)
            for table in metadata.sorted_tables:
                _complete(connection, table)
            if found != VERSION:
                connection.execute(schema.insert().values(version=VERSION))


def _parsed(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ClientError(_NO_URL) from error


def _engine(url: str) -> sa.Engine:
    parsed = _parsed(url)
    try:
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ClientError(f"--database-url: {parsed.get_backend_name()} is neither sqlite nor postgresql")
        pool = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_pre_ping": True}
        engine = sa.create_engine(parsed, connect_args=_connect_args(parsed), **pool)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ClientError(_NO_URL) from error
    except ModuleNotFoundError as error:
        raise ClientError("--database-url: PostgreSQL needs psycopg: pip install 'vidproc[postgres]'") from error
    if engine.dialect.name == "sqlite":
        _set_up_sqlite(engine)
    return engine


def _file(url: sa.URL) -> DatabaseFile | None:
    """None where the database is none, or has a name that is no path (https://sqlite.org/uri.html)."""
    name = url.database or ":memory:"
    if url.get_backend_name() != "sqlite" or name.startswith((":memory:", "file:")):
        return None
    return DatabaseFile(Path(name))


def _connect_args(url: sa.URL) -> dict[str, Any]:
    """What the URL says goes before."""
    if url.get_backend_name() == "sqlite":
        return {}
    return {name: value for name, value in _POSTGRES.items() if name not in url.query}


def _set_up_sqlite(engine: sa.Engine) -> None:
    """Durable, and with transactions as SQLite means them: Python's driver begins them late, and not around tables."""

    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))


def _demand_soundness(connection: sa.Connection) -> None:
    said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if said != "ok":
        raise StorageError(_damaged(one_line(str(said))))


def _version(connection: sa.Connection) -> int:
    """Of the tables that are there; 0 if there are none."""
    if not sa.inspect(connection).has_table(schema.name):
        return 0
    return cast(int, connection.execute(sa.select(sa.func.max(schema.c.version))).scalar() or 0)


def _complete(connection: sa.Connection, table: sa.Table) -> None:
    """Give a table of an older vidproc the columns that it lacks, as they are in a row that says nothing of them."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name in there:
            continue
        if not column.nullable and column.default is None:
            raise ClientError(
                f"the database was written by an older vidproc, which did not know of {table.name}.{column.name}: "
                "start that one until its jobs have ended, or give another --data-dir or --database-url"
            )
        connection.exec_driver_sql(_addition(column, connection.dialect))
        log.info("the database of an older vidproc gets a column", table=table.name, column=column.name)


def _addition(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    words = f"ALTER TABLE {column.table.name} ADD COLUMN {sa.schema.CreateColumn(column).compile(dialect=dialect)}"
    if column.default is None:
        return words
    value = sa.literal(cast(Any, column.default).arg, column.type)
    return f"{words} DEFAULT {value.compile(dialect=dialect, compile_kwargs={'literal_binds': True})}"


def _fail(orders: Sequence[_Order], error: Exception) -> None:
    for order in orders:
        order.error = error


def _carry_out(order: _Order, connection: sa.Connection) -> None:
    savepoint = connection.begin_nested()
    try:
        order.value = order.work(connection)
        savepoint.commit()
    except Exception as error:
        savepoint.rollback()  # raises where the error has ended the transaction
        order.error = _translated(error)


def _translated(error: Exception) -> Exception:
    """What a person can act on, of what the database said. Errors that are none of its own stay as they are."""
    if isinstance(error, VidprocError) or not isinstance(error, SQLAlchemyError):
        return error
    said = one_line(str(getattr(error, "orig", None) or error))
    if "disk is full" in said:
        return StorageError("cannot write the database: the disk is full")
    if "malformed" in said or "not a database" in said:
        return StorageError(_damaged(said))
    return StorageError(f"the database: {said}")


def _damaged(said: str) -> str:
    way_out = "restore it, or move its files away to begin without its jobs and their results"
    return f"the database is damaged ({said}): {way_out}"
