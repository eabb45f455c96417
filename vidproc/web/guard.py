"""Requests that drip and answers that nobody takes: uvicorn waits for ever, so somebody must look at the clock.

What waits for a reader waits here and is little: the kernel takes no more than is soon sent, and who makes an answer is
held up while any of it waits.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD_S = 10.0
"""A head must be whole so long after its first byte, and after the connection was made."""

_BODY_EVERY_S = 10.0
_LEAST_RATE = 1024
"""Bytes a second that a body must come at, when it is waited for."""

_TAKES_S = 10.0
"""A reader that takes nothing for so long is cut off."""

_UNSENT = 64 * 1024
"""Bytes that the kernel takes beyond what is on its way (tcp(7), TCP_NOTSENT_LOWAT)."""


class GuardedProtocol(H11Protocol):
    """One connection. A request whose head does not come in time, or whose body trickles, is answered with 408 if it
    has no answer yet, and cut off; so is who does not take the answer."""

    _timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None
    _waits_for_body = False
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        self._look_in(_HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_looking()
        self._forget_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._forget_reader()
        super().resume_writing()

    def _watch_reader(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._reader_timer = self.loop.call_later(_TAKES_S, self._look_at_reader, waiting)

    def _forget_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _look_at_reader(self, waited: int) -> None:
        if self.transport.get_write_buffer_size() < waited:
            self._watch_reader()
        else:
            self.transport.abort()

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
