"""The coordinator's side of a picture process: one supervised child, one film, one question at a time."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from vidproc.coordinator.picture_orders import NAMES, OPEN_CPU_S, SHOW_CPU_S, Facts, Order, Picture, Shown, ToOpen
from vidproc.errors import StalledError
from vidproc.processes.child import Child, ChildLimits, to_its_end
from vidproc.protocol.structure import from_plain, to_plain

_ENTRY = "vidproc.coordinator.picture_child:serve"
_PATIENCE = 2.0
"""A busy machine gives a child half of its time, say; one that takes longer hangs."""


class PictureProcess:
    """`start`, then ask; `close` at the end. What is raised is what the child tells of, `ChildDiedError`, or
    `StalledError`; after the latter two the process is of no use any more. `facts` are those of the film, when it was
    opened.
    """

    def __init__(self, limits: ChildLimits, scratch: Path) -> None:
        self._child = Child("a picture process", _ENTRY, limits)
        self._scratch = scratch
        self._folder: Path | None = None
        self.facts: Facts | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    async def start(self) -> None:
        await self._child.start()

    async def open(self, order: ToOpen) -> Facts:
        """Have the film read, once."""
        self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._scratch))
        order = replace(order, packets=str(self._folder / "packets"))
        answer, _ = await self._ask({"open": to_plain(order)}, OPEN_CPU_S * _PATIENCE)
        self.facts = from_plain(Facts, answer["opened"])
        return self.facts

    async def show(self, order: Order) -> Picture:
        answer, data = await self._ask({NAMES[type(order)]: to_plain(order)}, SHOW_CPU_S * _PATIENCE)
        return Picture(data, from_plain(Shown, answer["shown"]).approximate)

    def kill(self) -> None:
        """Whoever waits for it hears that it died."""
        self._child.kill()

    async def _ask(self, header: Mapping[str, Any], limit_s: float) -> tuple[dict[str, Any], bytes]:
        """Who is cancelled waits for the answer, or the next one to ask would get it."""
        answer, payload = await to_its_end(asyncio.create_task(self._exchange(header, limit_s)))
        if "failed" in answer:
            raise self._child.raised(answer["failed"])
        return answer, payload

    async def _exchange(self, header: Mapping[str, Any], limit_s: float) -> tuple[dict[str, Any], bytes]:
        try:
            async with asyncio.timeout(limit_s):
                await self._child.send(header)
                return await self._child.receive()
        except TimeoutError:
            self._child.kill()
            raise StalledError(f"the picture was not there after {limit_s:.0f} s") from None

    async def close(self) -> None:
        await self._child.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
