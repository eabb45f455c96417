"""The coordinator as a whole: its folder and its listeners; start, serve, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, count

import structlog

from vidproc._version import __version__
from vidproc.config import CoordinatorSettings
from vidproc.coordinator import validation
from vidproc.coordinator.clients import ClientLimits, ClientLink
from vidproc.coordinator.daemons import DaemonLink
from vidproc.coordinator.desk import Desk
from vidproc.coordinator.dispatch import Dispatch
from vidproc.coordinator.gallery import Gallery
from vidproc.coordinator.inquiries import Inquiries
from vidproc.coordinator.loop_lag import LoopLag
from vidproc.coordinator.uploads import Uploads
from vidproc.coordinator.view import View
from vidproc.errors import ClientError
from vidproc.protocol.party import COORDINATOR, Party
from vidproc.storage.journal import Journal, NoJournal
from vidproc.storage.spool import Spool
from vidproc.transport.address import Address, is_loopback
from vidproc.transport.admission import ConnectionLimits
from vidproc.transport.listen import Listener, listen
from vidproc.transport.server import serve
from vidproc.transport.session import Session, SessionSettings

PRELOADED = ("vidproc.coordinator.media_child",)
"""What the fork server imports for media processes."""

_DRAIN_S = 5.0
"""For so long, of the ten seconds that a service manager gives, slots may finish what they have in hand."""


class Coordinator:
    """`start`, then it serves until `stop`. Each connection is a task; what goes wrong in one ends that one alone."""

    def __init__(self, settings: CoordinatorSettings, journal: Journal | None = None) -> None:
        self._settings = settings
        self._journal = journal or NoJournal()
        self._spool = Spool(settings.data_dir)
        self._dispatch = Dispatch(self._journal)
        self._desk = Desk(settings, self._spool, self._dispatch, self._journal)
        self._inquiries = Inquiries(self._journal, self._dispatch, self._spool, self._desk)
        self._uploads = Uploads(settings, self._spool, self._desk.demand_room)
        self._gallery = Gallery(settings, self._journal, self._dispatch, self._desk, self._spool)
        self._lag = LoopLag(self._dispatch.tally.loop_lag)
        self.view = View(
            settings, self._journal, self._dispatch, self._desk, self._inquiries, self._uploads, self._gallery
        )

    async def start(self, listen_at: Sequence[Address]) -> None:
        """Go on with the jobs that are left from before, and serve. Raises `ClientError` when the folder or an address
        is taken or the database is none of ours, and `StorageError` when that is damaged."""
        validation.check_defaults(self._settings)
        self._spool.open()
        try:
            await self._journal.open(self._spool.identity)
        except BaseException:
            self._spool.undo()
            raise
        listeners: list[Listener] = []
        try:
            listeners = listen(listen_at)
            self._desk.open()
            await self._uploads.open()
            await self._desk.recover()
        except BaseException:
            for listener in listeners:
                listener.close()
            await self._uploads.close()
            await self._desk.close()
            await self._let_go(self._spool.undo)
            raise
        given = self._settings
        party = Party(
            COORDINATOR, given.name, {"vidproc": __version__}, given.token,
            heartbeat_s=given.heartbeat_s, silence_s=given.silence_s,
        )  # fmt: skip
        limits = ConnectionLimits(given.max_connections, given.max_connections_per_peer, given.max_connection_rate)
        session = SessionSettings(send_timeout_s=given.send_timeout)
        self._lag.start()
        self._server = await serve(listeners, self._serve, party, settings=session, limits=limits)

    @property
    def addresses(self) -> list[str]:
        """Where it listens, with the ports that the system chose."""
        return [str(listener.address) for listener in self._server.listeners]

    async def stop(self) -> None:
        """End every connection, stop every job, and let go of the folder. Where jobs are written down they go on with
        the next coordinator, which need not do again what slots have in hand and can end soon; elsewhere they are
        cancelled."""
        if self._journal.durable:
            await self._dispatch.drain(_DRAIN_S)
        await self._server.close()
        await self._uploads.close()
        await self._gallery.close()
        await self._desk.close()
        self._dispatch.close()
        self._lag.stop()
        await self._let_go(self._spool.close)

    async def _let_go(self, folder: Callable[[], None]) -> None:
        try:
            await self._journal.close()
        finally:
            folder()

    async def _serve(self, session: Session) -> None:
        """One connection that is open, from here to its end."""
        given = self._settings
        if session.peer.role == "worker":
            name = self._unique(session.peer.name)
            structlog.contextvars.bind_contextvars(worker=name)  # of this task, to its last line
            await DaemonLink(session, self._dispatch, name, given.max_result).serve()
        else:
            limits = ClientLimits(given.max_jobs_per_connection, given.min_upload_rate)
            await ClientLink(session, self._desk, self._inquiries, limits).serve()

    def _unique(self, name: str) -> str:
        """Two daemons may call themselves alike; in the figures they are two, and one that comes back is itself."""
        names = chain([name], (f"{name}#{number}" for number in count(2)))
        return next(it for it in names if it not in self._dispatch.workers)


def listening_addresses(settings: CoordinatorSettings) -> list[Address]:
    """Where to listen. Raises `ClientError` when strangers could reach it and nothing keeps them out."""
    if not is_loopback(settings.bind) and settings.token_file is None and not settings.insecure:
        raise ClientError(
            f"--bind {settings.bind} lets other hosts in: give --token-file FILE, or --insecure if you mean it"
        )
    found = [Address.tcp(settings.bind, settings.port)]
    if settings.unix_socket is not None:
        found.append(Address.unix(settings.unix_socket))
    return found
