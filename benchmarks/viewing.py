"""People who look at a coordinator's pages, as far as it notices: connections that take whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

_BLOCK = 1 << 16
_DATA = b"data: "


class Pages:
    """At this URL. `received`: bytes of all that was watched."""

    def __init__(self, url: str) -> None:
        it = urlsplit(url)
        self._host, self._port = it.hostname or "localhost", it.port
        self.received = 0

    async def jobs(self, count: int) -> Sequence[str]:
        """Wait until so many go on or have; their ids."""
        found: dict[str, None] = {}
        async with self._asked("/api/v1/events") as answer:
            while len(found) < count and (line := await answer.readline()):
                if line.startswith(_DATA):
                    found |= dict.fromkeys(job["id"] for job in json.loads(line[len(_DATA) :])["jobs"])
        return list(found)

    async def watch(self, path: str) -> None:
        """Until it ends."""
        async with self._asked(path) as answer:
            while block := await answer.read(_BLOCK):
                self.received += len(block)

    @contextlib.asynccontextmanager
    async def _asked(self, path: str) -> AsyncIterator[asyncio.StreamReader]:
        """Raises `RuntimeError` if that is not what may be watched."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=1 << 24)
        with contextlib.closing(writer):
            writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            status = await reader.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"{path}: {status.decode(errors='replace').strip()}")
            yield reader
