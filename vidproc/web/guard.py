"""Requests that drip: uvicorn waits for ever for the rest of a head or a body, so somebody must look at the clock."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_S = 10.0
"""A head must be whole so long after its first byte, and after the connection was made."""

_BODY_EVERY_S = 10.0
_LEAST_RATE = 1024
"""Bytes a second that a body must come at, when it is waited for."""


class GuardedProtocol(H11Protocol):
    """One connection. A request whose head does not come in time, or whose body trickles, is answered with 408 if it
    has no answer yet, and cut off."""

    _timer: asyncio.TimerHandle | None = None
    _waits_for_body = False
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_in(_HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_looking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._note_state()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_state()

    def _note_state(self) -> None:
        """Start or stop looking as the request moves on from its head to its body to its end."""
        state = self.conn.their_state
        in_head = state is h11.IDLE and bool(self.conn.trailing_data[0])
        in_body = state is h11.SEND_BODY
        if not in_head and not in_body:
            self._stop_looking()
        elif self._timer is None or in_body != self._waits_for_body:
            self._waits_for_body = in_body
            self._look_in(_BODY_EVERY_S if in_body else _HEAD_S)

    def _look_in(self, seconds: float) -> None:
        self._stop_looking()
        self._received = 0
        self._timer = self.loop.call_later(seconds, self._look)

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        ours = self.flow is not None and self.flow.read_paused  # the body waits for us, and not we for it
        if self._waits_for_body and (ours or self._received >= _LEAST_RATE * _BODY_EVERY_S):
            self._look_in(_BODY_EVERY_S)
        else:
            self._refuse()

    def _refuse(self) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            self._say("the request came too slowly")
        self.transport.close()

    def _say(self, what: str) -> None:
        headers = [("content-type", "text/plain; charset=utf-8"), ("connection", "close")]
        events: list[Any] = [h11.Response(status_code=408, headers=headers), h11.Data(data=what.encode())]
        for event in [*events, h11.EndOfMessage()]:
            self.transport.write(self.conn.send(event) or b"")
