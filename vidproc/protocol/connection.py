"""One end of a connection as a state machine: bytes in, events out, bytes to send.

It knows no socket, clock or random number; whoever owns it carries the bytes and passes the nonce in. The form is that
of h11 and wsproto. A connection is opening until both sides are satisfied (see `opening`), then open, and broken after
the first breach. While it opens only small headers and no payloads are taken; once open, each side may send the
messages of its role and no others (see `directions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from vidproc.errors import PeerError, TooLargeError, UnreachableError, VidprocError, from_code, one_line
from vidproc.protocol.directions import sendable
from vidproc.protocol.framing import PREFIX, Buffer, Frame, FrameReader, pack
from vidproc.protocol.messages import Error, Message, Ping, Pong
from vidproc.protocol.opening import Admits, admits_all, check_version, opening_for
from vidproc.protocol.party import NONCE_BYTES, Opened, Party
from vidproc.protocol.shape import Limits, check_shape, too_small_to_break

OPENING_LIMITS = Limits(header=4096, payload=0)
MAX_FDS = 16
"""Descriptors that may travel with one message, where the connection can carry them."""


class Arrived(Struct, frozen=True):
    """A message came in. `fds` is how many descriptors the sender says travel with it."""

    message: Message
    payload: bytes
    fds: int = 0


Event = Opened | Arrived


class Connection:
    """One end, of the party's role. `nonce` is 32 bytes that were never used before; `admits` is a coordinator's."""

    def __init__(self, party: Party, nonce: bytes, admits: Admits = admits_all) -> None:
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
        self.party = party
        self.peer: Opened | None = None
        self._broken = False
        self._opening = opening_for(party, nonce, admits)
        self._reader = FrameReader(OPENING_LIMITS)
        self._answers: list[Buffer] = []
        self._answer(*self._opening.first())

    def receive_data(self, data: Buffer) -> Iterator[Event]:
        """Take bytes and iterate over what they amount to; what is not iterated over comes with the next call.

        Raises `PeerError` (or `UnreachableError`, from a coordinator that is full) at the place of a breach, after
        the events before it. An `error` for the other side then waits in `data_to_send`, and the connection is broken:
        it takes no more bytes and sends no more messages.
        """
        self._reader.feed(data)
        return self._events()

    def data_to_send(self) -> list[Buffer]:
        """The automatic answers that have come up since the last call: of the opening, a pong, an error."""
        answers, self._answers = self._answers, []
        return answers

    def send(self, message: Message, payload: Buffer = b"", fds: int = 0) -> list[Buffer]:
        """The bytes of a message with which `fds` descriptors are to travel.

        Raises `TooLargeError` if the other side would refuse it for its size (limits are taken to be the same on both
        sides), `ValueError` if this side may not send it, or not now.
        """
        if self._broken or self.peer is None or type(message) not in sendable(self.party.role, self.peer.role):
            raise ValueError(f"this {self.party.role} may not send {message.kind} now")
        if fds > MAX_FDS or (payload and not message.bulk):
            raise ValueError(f"{message.kind} can't carry this payload, or {fds} descriptors")
        frame = pack({**message.to_header(), "fds": fds} if fds else message.to_header(), payload)
        _check_size(message, frame, self.party.limits)
        return frame

    def fail(self, error: VidprocError) -> None:
        """Break the connection from this side: an `error` for the other one then waits in `data_to_send`."""
        if not self._broken:
            self._broken = True
            self._answer(Error(error.code, one_line(str(error)), error.blame))

    def _answer(self, *messages: Message) -> None:
        for message in messages:
            self._answers += pack(message.to_header())

    def _events(self) -> Iterator[Event]:
        try:
            for header, payload in self._frames():
                event = self._event(header, payload)
                if event is not None:
                    yield event
        except VidprocError as error:
            self.fail(error)
            raise

    def _frames(self) -> Iterator[Frame]:
        while not self._broken:
            try:
                frame = next(self._reader, None)
            except PeerError as error:
                raise self._breach(error) from None
            if frame is None:
                return
            yield frame

    def _event(self, header: dict[Any, Any], payload: bytes) -> Event | None:
        if self.peer is None:
            check_version(header)
        message = self._message(header)
        if isinstance(message, Error) and not (message.job_id or message.request):
            self._broken = True  # the other side has said its last word
            raise _reported(message)
        return self._open(message) if self.peer is None else self._arrive(self.peer, header, message, payload)

    def _message(self, header: dict[Any, Any]) -> Message:
        try:
            return Message.from_header(header)
        except ValueError as error:
            raise self._breach(error) from None

    def _breach(self, reason: Exception) -> PeerError:
        text = one_line(str(reason))
        return PeerError(text if self.peer else f"the other side does not speak vidproc's protocol: {text}")

    def _open(self, message: Message) -> Opened | None:
        answers, self.peer = self._opening.receive(message)
        self._answer(*answers)
        if self.peer is not None:
            self._reader.limits = self.party.limits
        return self.peer

    def _arrive(self, peer: Opened, header: dict[Any, Any], message: Message, payload: bytes) -> Arrived | None:
        if type(message) not in sendable(peer.role, self.party.role):
            raise PeerError(f"a {peer.role} may not send {message.kind}")
        if payload and not message.bulk:
            raise PeerError(f"{message.kind} came with a payload, which it can't have")
        if isinstance(message, Ping) and not self._answers:  # one pong answers all pings that came together
            self._answer(Pong())
        if isinstance(message, Ping | Pong):
            return None
        return Arrived(message, payload, _fds(header))


def _fds(header: dict[Any, Any]) -> int:
    fds = header.get("fds", 0)
    if type(fds) is not int or not 0 <= fds <= MAX_FDS:
        raise PeerError(f"a message says that it brings {fds!r:.20} descriptors")
    return fds


def _check_size(message: Message, frame: list[Buffer], limits: Limits) -> None:
    header, payload = bytes(frame[0][PREFIX.size :]), sum(memoryview(part).nbytes for part in frame[1:])
    if len(header) > limits.header or payload > limits.payload:
        raise TooLargeError(
            f"{message.kind} has {len(header)} bytes and a payload of {payload}; "
            f"at most {limits.header} and {limits.payload} can be sent"
        )
    if too_small_to_break(header, limits):
        return
    try:
        check_shape(header, limits)
    except PeerError as error:
        raise TooLargeError(f"{message.kind} can't be sent: {error}") from None


def _reported(message: Error) -> VidprocError:
    """The error that the other side reports about the connection, so that this side can raise it."""
    error = from_code(message.code, one_line(message.message))
    return error if isinstance(error, PeerError | UnreachableError) else PeerError(str(error))
