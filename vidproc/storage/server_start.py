"""A database's server that is not there yet, as where both are started together.

What it says when it refuses is in its own language, so libpq is asked whether it answers
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQPING): one that does, and yet lets nobody in, has
decided. It may have begun to answer between the two, so the connection is tried once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError

_PATIENCE_S = 60.0
_PAUSE_S = 0.5
_PING_S = 2

log = structlog.get_logger()


async def wait_for(engine: sa.Engine, in_thread: Callable[[Callable[[], bool]], Awaitable[bool]]) -> None:
    """Until there is a connection to the server. Raises `OperationalError`: at once if the server itself refuses it, as
    for a wrong password or a database that is not there, and after a while if none answers."""
    loop = asyncio.get_running_loop()
    if await in_thread(lambda: _connects(engine)):
        return
    log.warning("the database's server does not answer: waiting for it", limit_s=_PATIENCE_S)
    give_up = loop.time() + _PATIENCE_S
    there = False
    while not there:
        await asyncio.sleep(_PAUSE_S)
        there = await in_thread(lambda: _connects(engine, last=loop.time() > give_up))


def _connects(engine: sa.Engine, last: bool = False) -> bool:
    try:
        engine.connect().close()
    except OperationalError as error:
        if last:
            raise
        return _answers(cast(Any, error.orig)) and _connects(engine, last=True)
    return True


def _answers(error: Any) -> bool:
    """Whether the server that this was about takes connections. One that was silent, or whose name nobody knows, is not
    asked: libpq would keep all of Python waiting meanwhile."""
    from psycopg import conninfo, pq

    if error.pgconn is None:
        return False
    given = {option.keyword.decode(): option.val.decode() for option in error.pgconn.info if option.val}
    asked = conninfo.make_conninfo(**{**given, "connect_timeout": _PING_S})
    return pq.PGconn.ping(asked.encode()) == pq.Ping.OK
