"""Whether the coordinator can do a job now, part by part, with what to do where it can't."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from msgspec import Struct

from vidproc.coordinator.dispatch import Dispatch
from vidproc.errors import VidprocError, one_line
from vidproc.storage.journal import Journal

_LEAST_FREE = 256 * 2**20
_DATABASE_S = 2.0


class Component(Struct, frozen=True):
    """One part of it. `reason` says how it is; where it is not `ready`, what to do."""

    name: str
    ready: bool
    reason: str


async def look(data_dir: Path, journal: Journal, dispatch: Dispatch) -> tuple[Component, ...]:
    """All that a job needs: disk, database, and somebody to work."""
    return (await asyncio.to_thread(_disk, data_dir), await _database(journal), _workers(dispatch))


def _disk(folder: Path) -> Component:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Component("disk", False, f"the data folder {folder} cannot be read: {error.strerror}")
    if not os.access(folder, os.W_OK):
        return Component("disk", False, f"the data folder {folder} cannot be written to: change its owner or mode")
    if free < _LEAST_FREE:
        return Component("disk", False, f"{free >> 20} MiB are free in {folder}: make room, or lower --keep")
    return Component("disk", True, f"{free >> 20} MiB are free in {folder}")


async def _database(journal: Journal) -> Component:
    try:
        async with asyncio.timeout(_DATABASE_S):
            await journal.history().page(1, "", None)
    except TimeoutError:
        return Component("database", False, f"the database has not answered for {_DATABASE_S:g} s")
    except VidprocError as error:
        return Component("database", False, one_line(str(error)))
    return Component("database", True, "it answers")


def _workers(dispatch: Dispatch) -> Component:
    there = [link for link in dispatch.workers.values() if not link.draining]
    if not there:
        return Component("workers", False, "no worker is connected: start vidproc-worker")
    return Component("workers", True, f"{len(there)} with {sum(link.slots for link in there)} slots")
