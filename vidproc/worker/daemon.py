"""The daemon's life: start the slots, dial in, serve, dial in again, drain.

Leases name the slot that does them, so that the coordinator knows which slot has which decoder open; a daemon only
carries bytes between its connection and its slots.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from typing import Any

import structlog

from vidproc.config import ADAPTIVE, WorkerSettings
from vidproc.errors import AuthenticationError, PeerError, UnreachableError, VersionError
from vidproc.processes.child import ChildDiedError, ChildLimits
from vidproc.protocol.party import Party
from vidproc.tasks import ended
from vidproc.transport.address import Address
from vidproc.transport.connect import ANY, IPV4, IPV6, connect
from vidproc.transport.session import Session
from vidproc.worker.link import Link
from vidproc.worker.pace import Pace
from vidproc.worker.slot import Slot

PRELOADED = ("vidproc.worker.chunk",)
"""What the fork server imports for slots."""

_STARTS = 5
"""How many processes of a slot may die on their way before the daemon takes it that all will."""

_BACKOFF_S = (0.1, 5.0)
_LOOK_EVERY_S = 1.0

log = structlog.get_logger()


class Daemon:
    """`run` until `drain` or cancellation. Slots live as long as the daemon does, connections come and go."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        limits = ChildLimits(settings.memory_limit, settings.file_limit, nice=settings.nice)
        self._slots = [Slot(f"slot {n}", settings.frame_timeout, limits) for n in range(settings.processes)]
        self._address = _address(settings)
        self._link: Link | None = None
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Raises `AuthenticationError` or `VersionError` when the first coordinator it meets will not have it, and what
        `Slot.start` raises if there is no way to work here."""
        with structlog.contextvars.bound_contextvars(worker=self._settings.name):
            try:
                await asyncio.gather(*map(_begun, self._slots))
                await _first_of(self._dial_for_ever(), self._drained(), self._steer())
            finally:
                await asyncio.gather(*(slot.close() for slot in self._slots))

    def drain(self) -> None:
        """Finish the leases in hand, for up to the settings' `drain_timeout`, take no others, and let `run` return."""
        self._draining.set()

    async def _drained(self) -> None:
        await self._draining.wait()
        if self._link is not None:
            limit_s = self._settings.drain_timeout
            log.info("draining", limit_s=limit_s)
            try:
                with contextlib.suppress(PeerError):
                    await asyncio.wait_for(self._link.drain(), limit_s)
            except TimeoutError:
                log.warning("leases were not done in time; others will do them", limit_s=limit_s)

    async def _steer(self) -> None:
        """Keep the rate limit to what the machine has left, if that is asked for."""
        if self._settings.rate_limit != ADAPTIVE:
            await asyncio.Event().wait()
        pace = Pace(self._slots)
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            limit = pace.look()
            if self._link is not None:
                self._link.limit(limit)

    async def _dial_for_ever(self) -> None:
        met, failures = False, 0
        while True:
            try:
                session = await self._connect()
            except (UnreachableError, PeerError) as error:
                if isinstance(error, AuthenticationError | VersionError) and not met:
                    raise
                failures += 1
                if failures == 1:
                    log.warning("no coordinator", where=str(self._address), error=str(error))
            else:
                met, failures = True, 0
                await self._serve(session)
            await asyncio.sleep(_backoff(failures))

    async def _connect(self) -> Session:
        given = self._settings
        capabilities = {
            "slots": len(self._slots),
            "rate_limit": 0.0 if given.rate_limit == ADAPTIVE else given.rate_limit,
            "allow_custom": given.allow_custom,
        }
        party = Party("worker", given.name, self._slots[0].versions, given.token, capabilities)
        return await connect(self._address, party, family=IPV4 if given.ipv4 else IPV6 if given.ipv6 else ANY)

    async def _serve(self, session: Session) -> None:
        log.info("connected", where=str(self._address), slots=len(self._slots))
        self._link = Link(session, self._slots, self.drain)
        try:
            await self._link.serve()
        except PeerError as error:
            log.warning("connection lost", error=str(error))
        finally:
            self._link = None
            await session.close()


async def _begun(slot: Slot) -> None:
    """Start it, again if its process dies on the way: the kernel may have wanted its memory for a moment."""
    for deaths in range(1, _STARTS):
        try:
            return await slot.start()
        except ChildDiedError as error:
            log.warning("slot died as it started", slot=slot.name, error=str(error))
            await asyncio.sleep(_backoff(deaths))
    await slot.start()


async def _first_of(*courses: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends. The others are cancelled then, and all are if this is."""
    tasks = [asyncio.create_task(course) for course in courses]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(*tasks)
    for task in done:
        task.result()


def _address(settings: WorkerSettings) -> Address:
    if settings.unix_socket is not None:
        return Address.unix(settings.unix_socket)
    return Address.tcp(settings.host, settings.port)


def _backoff(failures: int) -> float:
    first, most = _BACKOFF_S
    return random.uniform(0.5, 1.0) * min(most, first * 2.0 ** min(failures, 10))
