"""A job that a coordinator has: watch it to its end, fetch its result, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from vidproc.client.download import Download, Opening
from vidproc.client.endpoint import Endpoint
from vidproc.client.lasting import lasting, next_message
from vidproc.client.news import Listener
from vidproc.errors import ConnectionLostError, PeerError, UnknownJobError, from_code
from vidproc.model import JobState
from vidproc.protocol.messages import Cancel, Fetched, Finished, Message, Progress, Watch
from vidproc.transport.session import Session

_GOODBYE_S = 2.0
_WHAT_NOW = "Submit it again, with vidproc-send: what this coordinator holds of the film is not sent again"
_T = TypeVar("_T")


class HeldJob:
    """`owned`: it is there for this client alone, so it is cancelled when the client gives up. `name` is what its film
    is called."""

    def __init__(self, endpoint: Endpoint, job_id: str, name: str, tell: Listener, owned: bool = False) -> None:
        self._endpoint = endpoint
        self._job_id = job_id
        self._name = name
        self._tell = tell
        self._owned = owned
        self._finished: Finished | None = None
        self._messages = 0
        self._download: Download | None = None

    async def watch(self) -> Finished:
        """How it ended."""
        return await self._lasting(self._ended)

    async def run(self, out: Opening) -> dict[str, Any]:
        """The metrics of the job. `out(size)` is asked once, when the result is ready, for the file to write it to.
        Raises what the job failed with."""
        self._download = Download(out, self._tell)
        return await self._lasting(self._fetched)

    async def _lasting(self, course: Callable[[Session], Awaitable[_T]], first: Session | None = None) -> _T:
        async def guarded(session: Session) -> _T:
            try:
                return await course(session)
            except ConnectionLostError:
                raise
            except UnknownJobError as error:
                raise UnknownJobError(f"{error}. {_WHAT_NOW}") from None
            except BaseException:  # whatever ends one's own job here ends it there
                if self._owned:
                    await self._let_go(session)
                raise

        return await lasting(self._endpoint, guarded, self._progress, self._tell, first)

    def _progress(self) -> object:
        """Changes with each word of the coordinator's: one that speaks is there, however long its job takes."""
        return self._messages, self._download and self._download.received

    async def _fetched(self, session: Session) -> dict[str, Any]:
        finished = await self._ended(session)
        if finished.state is not JobState.DONE:
            raise from_code(finished.code, f"{self._name}: {finished.message}")
        assert self._download is not None
        await self._download.run(session, finished)
        await _say_goodbye(session, Fetched(self._job_id))
        return dict(finished.metrics)

    async def _ended(self, session: Session) -> Finished:
        if self._finished is None:
            self._finished = await self._followed(session)
        return self._finished

    async def _followed(self, session: Session) -> Finished:
        """How it ended, by what comes over a new connection."""
        await session.send(Watch(self._job_id))
        while not isinstance(message := await self._next(session), Finished):
            if isinstance(message, Progress):
                self._tell(message)
        return message

    async def _next(self, session: Session) -> Message:
        message, _ = await next_message(session)
        self._messages += 1
        return message

    async def _let_go(self, session: Session) -> None:
        if self._job_id:
            await _say_goodbye(session, Cancel(self._job_id))


async def _say_goodbye(session: Session, message: Message) -> None:
    with contextlib.suppress(PeerError, TimeoutError):
        await asyncio.wait_for(session.send(message), _GOODBYE_S)
