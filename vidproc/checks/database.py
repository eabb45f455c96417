"""Whether the database that jobs are to be written down in can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from vidproc.checks.finding import Finding, ok, problem
from vidproc.errors import VidprocError


def database(url: str) -> Iterator[Finding]:
    """Nothing is made there. A file of SQLite's lies in the data folder, or where a coordinator will make it."""
    from vidproc.storage.database import is_file, without_password

    subject = f"database {without_password(url)}"
    if is_file(url):
        yield ok(subject, "a file; the coordinator looks whether it is sound when it starts")
        return
    try:
        version = asyncio.run(_version(url))
    except VidprocError as error:
        yield problem(subject, str(error), "see that the server runs and lets this user in, or mend --database-url")
    else:
        yield ok(subject, f"answers; its tables are of version {version}" if version else "answers; has no tables yet")


async def _version(url: str) -> int:
    from vidproc.storage.database import Database

    database = Database(url)
    try:
        return await database.version()
    finally:
        await database.close()
