"""Connections that mean harm, or have died: uvicorn waits for ever for the rest of a head or a body, and for whoever
does not read, and takes as many connections as come; so somebody must count, and look at the clock.

Time is counted in looks, as with uploads elsewhere (`coordinator/upload_pace.py`): a coordinator that was stopped for a
while has seen nothing meanwhile, which is nobody's fault.

What waits for a reader waits here and is little: the kernel takes no more than is soon sent, and who makes an answer is
held up while any of it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from enum import Enum, auto
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from vidproc.config import CoordinatorSettings
from vidproc.transport.admission import Admission, ConnectionLimits, peer_of
from vidproc.transport.wire import tune_tcp
from vidproc.web.problems import problem
from vidproc.web.sending import SendingWatch
from vidproc.web.turns import Turns

_LOOK_EVERY_S = 1.0
_READ_AT_ONCE = 16
"""New connections whose first bytes are looked at before anything else has its turn: in a crowd that comes at once,
whoever was here before goes on being served."""
_UNSENT = 64 * 1024
"""Bytes that the kernel takes beyond what is on its way (tcp(7), TCP_NOTSENT_LOWAT)."""
_LEAVING_LOOKS = 2
_LEAVING_AT_ONCE = 64
"""Of connections that were refused as they came. Beyond that they are closed without a word."""


class _Phase(Enum):
    """What is waited for. `UNWANTED` is the rest of a body that is answered already: its sender is to come to read
    that."""

    HEAD = auto()
    BODY = auto()
    UNWANTED = auto()


_LOOKS = {_Phase.HEAD: 10, _Phase.BODY: 10, _Phase.UNWANTED: 3}
"""So long each may take, or until its pace is looked at."""


class Guard:
    """What the connections of one server share."""

    def __init__(self, settings: CoordinatorSettings) -> None:
        most = (settings.max_connections, settings.max_connections_per_peer, settings.max_connection_rate)
        self.admission = Admission(ConnectionLimits(*most), asyncio.get_running_loop().time)
        self.least = max(1, settings.min_upload_rate)
        self.send_timeout_s = settings.send_timeout
        self.refused = 0
        self.turns = Turns(_READ_AT_ONCE)


class GuardedProtocol(H11Protocol):
    """One connection. What does not come in time is answered with 408, if it has no answer yet, and cut off; so is who
    takes nothing of an answer."""

    def __init__(self, guard: Guard, **given: Any) -> None:
        super().__init__(**given)
        self._guard = guard
        self._peer = ""
        self._new = True
        self._refused = False
        self._leaving = False
        self._phase: _Phase | None = None
        self._looks = self._received = 0
        self._look_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._sending = SendingWatch(transport, self._guard.send_timeout_s)
        sock = transport.get_extra_info("socket")
        tune_tcp(sock, self._guard.send_timeout_s)
        with contextlib.suppress(OSError):  # it was reset meanwhile
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        name = peer_of(sock, transport.get_extra_info("peername"))
        if refusal := self._guard.admission.admit(name):
            self._refuse(refusal)
            return
        self._peer = name
        self._wait_for(_Phase.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(None)
        self._sending.end()
        if self._peer:
            self._guard.admission.leave(self._peer)
        self._guard.refused -= self._refused
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._new and not self._leaving:
            self._new = False
            self.transport.pause_reading()
            self._guard.turns.do(partial(self._begin, data))
        elif not self._leaving:
            self._take(data)

    def _begin(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self._take(data)

    def _take(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)  # which may stop reading again
        self._note_phase()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_phase()

    def _should_upgrade(self) -> bool:
        """To nothing that is spoken here; then the request is one as any other."""
        return False

    def shutdown(self) -> None:
        if self._leaving:
            self.transport.close()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Of what cannot be read; which status suits it is known to the error that is being handled."""
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self._leave(status, "this is no HTTP request that can be read" if status == 400 else "its head is too large")

    # What comes in

    def _note_phase(self) -> None:
        if self._leaving:
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._wait_for(_Phase.UNWANTED if self.conn.our_state is h11.DONE else _Phase.BODY)
        else:
            self._wait_for(_Phase.HEAD if state is h11.IDLE and self.conn.trailing_data[0] else None)

    def _wait_for(self, phase: _Phase | None) -> None:
        """None: for nothing that anybody owes. Of what is waited for already the looks go on."""
        if phase is self._phase:
            return
        self._phase = phase
        self._looks = self._received = 0
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._look_timer = self.loop.call_later(_LOOK_EVERY_S, self._look) if phase else None

    def _look(self) -> None:
        self._look_timer = self.loop.call_later(_LOOK_EVERY_S, self._look)
        self._looks += 1
        ours = self.flow.read_paused  # it waits for us, and not we for it
        if self._phase is None or self._looks < _LOOKS[self._phase]:
            return
        if self._phase is _Phase.BODY and (ours or self._received >= self._guard.least * self._looks):
            self._looks = self._received = 0
        elif self._phase is _Phase.HEAD and not self.conn.trailing_data[0]:
            self.transport.close()  # a browser opens connections that it may never need
        else:
            self._leave(408, "the request came too slowly")

    # What goes out

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._sending.end()

    # The end

    def _refuse(self, why: str) -> None:
        if self._guard.refused >= _LEAVING_AT_ONCE:
            self.transport.abort()
            return
        self._refused = True
        self._guard.refused += 1
        self._leave(503, why)

    def _leave(self, status: int, why: str) -> None:
        """With a word, if there is no answer yet. What else comes is passed over for a while: were the connection
        closed at once, the system would take back the answer that is on its way (RFC 9112, 9.6)."""
        if self._leaving or self.transport.is_closing():
            return
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        self._leaving = True
        self._wait_for(None)
        self._tell_of_end()
        self._unset_keepalive_if_required()
        self._say(status, why)
        with contextlib.suppress(OSError):  # it was reset meanwhile
            self.transport.write_eof()
        self.flow.resume_reading()
        self._look_timer = self.loop.call_later(_LEAVING_LOOKS * _LOOK_EVERY_S, self.transport.close)

    def _tell_of_end(self) -> None:
        """Whoever is at an answer need not go on, and is not to send it behind the last word."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _say(self, status: int, why: str) -> None:
        answer = problem(status, why)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        head = h11.Response(status_code=status, headers=headers)
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
