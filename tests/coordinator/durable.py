"""A coordinator that writes its jobs down, a daemon, and clients, all in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vidproc.client.endpoint import Endpoint
from vidproc.client.remote import process
from vidproc.config import CoordinatorSettings, WorkerSettings
from vidproc.coordinator.server import PRELOADED as FOR_MEDIA
from vidproc.coordinator.server import Coordinator
from vidproc.model import JobSpec
from vidproc.processes.child import preload
from vidproc.protocol.party import Party
from vidproc.storage.database import Database, url_of_file
from vidproc.storage.sql_journal import SqlJournal
from vidproc.transport.address import Address
from vidproc.transport.connect import connect
from vidproc.transport.session import Session
from vidproc.worker.daemon import PRELOADED as FOR_SLOTS
from vidproc.worker.daemon import Daemon

TOKEN = bytes(32)


class House:
    """One folder in which coordinators start and stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.address = Address.unix(folder / "socket")
        self.endpoint = Endpoint(self.address, TOKEN)

    def journal(self) -> SqlJournal:
        return SqlJournal(Database(url_of_file(self.data / "vidproc.db")))

    @asynccontextmanager
    async def open(self, journal: SqlJournal | None = None, **settings: Any) -> AsyncIterator[Coordinator]:
        preload(*FOR_MEDIA, *FOR_SLOTS)
        made = Coordinator(CoordinatorSettings(data_dir=self.data, token=TOKEN, **settings), journal or self.journal())
        await made.start([self.address])
        try:
            yield made
        finally:
            await made.stop()

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[None]:
        settings = WorkerSettings(name="w", processes=1, unix_socket=self.folder / "socket", token=TOKEN)
        running = asyncio.create_task(Daemon(settings).run())
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Session]:
        session = await connect(self.address, Party("client", "c", {"vidproc": "1"}, TOKEN))
        try:
            yield session
        finally:
            await session.close()

    async def film(self, video: Path, out: Path, job: JobSpec) -> dict[str, Any]:
        return await process(self.endpoint, job, str(video), str(out), overwrite=False, tell=lambda _: None)

    def results(self) -> list[str]:
        """Of which jobs the result is there."""
        return sorted(path.parent.name for path in (self.data / "jobs").glob("*/result"))
