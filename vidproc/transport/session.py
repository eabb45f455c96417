"""A session: one connection with its queues, its limits and its signs of life.

It carries bytes between a wire and a `protocol.Connection`. All it does of itself happens in callbacks of the event
loop (the wire can be read, can be written, the clock has moved on), so there is no task that could be left behind; the
coroutines `open`, `send`, `receive` and `close` only wait until a callback has changed what they wait for.

A session ends in one of two ways. It is *lost* when the wire ends, falls silent, or takes nothing: then it is closed
on the spot. It is *broken* when the other side breaks the protocol: then reading ends, bulk is dropped, an `error`
takes its place, and `close`, which its owner must always call, sees that it is sent. Either way, what had come in
before can still be received; after that `receive` raises what happened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from msgspec import Struct

from vidproc.errors import ConnectionLostError, PeerError, VidprocError
from vidproc.protocol.connection import MAX_FDS, Arrived, Connection
from vidproc.protocol.framing import Buffer
from vidproc.protocol.messages import Message, Ping
from vidproc.protocol.party import Opened
from vidproc.transport.arrival import Arrival, Descriptors, Inbox
from vidproc.transport.outbox import Outbox
from vidproc.transport.wire import Wire, close_fds, duplicate_fds

_MIB = 1024 * 1024
_WRITES_AT_ONCE = 16
_LAST_READS = 16


class SessionSettings(Struct, frozen=True):
    """Time limits in seconds, water marks in bytes.

    Sending waits while the queue of its kind is above its high mark, until it has sunk to its low one; the same holds
    for reading and what was not received yet. `send_timeout_s`: a peer that takes nothing of what waits for it for so
    long is cut off. `close_s` bounds the sending of what still waits at `close`, `linger_s` how long the other side is
    then given to close as well (closing over unread bytes would reset the connection and lose what was sent last).
    """

    handshake_s: float = 5.0
    send_timeout_s: float = 30.0
    close_s: float = 3.0
    linger_s: float = 1.0
    control_high: int = _MIB // 4
    bulk_high: int = 4 * _MIB
    bulk_low: int = _MIB
    receive_high: int = 4 * _MIB
    receive_low: int = _MIB


class Session:
    """One end of a connection; `address` is the other end's, for messages and logs, `received` how many bytes have come
    from there. Use it from its own event loop.

    Ready for use once `open` has returned. `async with` closes it.
    """

    def __init__(self, wire: Wire, connection: Connection, address: str, settings: SessionSettings) -> None:
        self.address = address
        self.received = 0
        self._wire = wire
        self._connection = connection
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(settings.control_high, settings.bulk_high, settings.bulk_low)
        self._inbox = Inbox(settings.receive_high, settings.receive_low)
        self._last = Arrival(Ping(), b"", Descriptors())
        self._fds: list[int] = []  # came in, with a message that has not come in whole
        self._waiters: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._error: VidprocError | None = None
        self._wire_open = self._writable = True
        self._reading = False
        self._seen = self._sent = self._progress = self._loop.time()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        await self.close()

    @property
    def peer(self) -> Opened:
        """Who is at the other end, as it said in the handshake."""
        if self._connection.peer is None:
            raise ValueError("the session is not open")
        return self._connection.peer

    @property
    def role(self) -> str:
        """The other end's; empty as long as the session was never open."""
        return self._connection.peer.role if self._connection.peer is not None else ""

    @property
    def closed(self) -> bool:
        """Whether it has ended, for whatever reason; nothing can be sent any more."""
        return self._error is not None

    @property
    def waiting(self) -> int:
        """Bytes that were sent but not yet taken by the system."""
        return len(self._outbox)

    async def open(self) -> Opened:
        """Go through the handshake. Raises `PeerError`, or `UnreachableError` from a coordinator that is full."""
        self._read_or_pause()
        self._put_answers()
        try:
            async with asyncio.timeout(self._settings.handshake_s):
                await self._until(lambda: self._connection.peer is not None)
        except TimeoutError:
            limit_s = self._settings.handshake_s
            self._break(ConnectionLostError(f"{self.address} did not open the connection in {limit_s:g} s"))
        if self._connection.peer is None:
            raise self._failure()
        self._tick()
        return self.peer

    async def send(self, message: Message, payload: Buffer = b"", fds: Sequence[int] = ()) -> None:
        """Queue a message. Waits only while the queue of its kind is full, so returning does not mean that it arrived.

        The payload must not be changed afterwards. Descriptors are duplicated, the caller keeps its own; only AF_UNIX
        carries them. Raises `ConnectionLostError` or what else ended the session, `TooLargeError`, and `ValueError`
        for what this side may not send.
        """
        await self._until(lambda: not self._outbox.full(bulk=message.bulk))
        if self._error is not None:
            raise self._failure()
        if fds and not self._wire.carries_fds:
            raise ValueError(f"descriptors can't travel to {self.address}")
        frame = self._connection.send(message, payload, len(fds))
        self._put(frame, duplicate_fds(fds), bulk=message.bulk)

    async def receive(self) -> Arrival:
        """The next message. Raises what ended the session (`PeerError`) once all that came before is received."""
        self._last.fds.close()
        await self._until(lambda: len(self._inbox) > 0)
        if not self._inbox:
            raise self._failure()
        self._last = self._inbox.take()
        self._read_or_pause()
        return self._last

    def fail(self, error: VidprocError) -> None:
        """Have `receive` raise this. The other side is told, and the owner, who hears of it there, closes the rest."""
        if self._error is None:
            self._break(error)

    async def close(self, error: VidprocError | None = None) -> None:
        """Send what waits (and why it ends, if `error` is given), within the limits of the settings, then close.

        What was not received by now is dropped. May be called twice.
        """
        if error is not None:
            self.fail(error)
        self._error = self._error or ConnectionLostError("this side closed the connection")
        self._wake()
        try:
            if self._wire_open:
                await self._finish()
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once, without sending what waits. What was not received by now is dropped."""
        self._release(ConnectionLostError("this side closed the connection"))
        self._inbox.clear()
        self._last.fds.close()

    # Waiting: each callback that changes something wakes all who wait, and they look again

    async def _until(self, ready: Callable[[], bool]) -> None:
        """Wait until that holds or the session has ended."""
        await self._wait(lambda: ready() or self._error is not None)

    async def _wait(self, ready: Callable[[], bool]) -> None:
        while not ready():
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # Reading

    def _read_or_pause(self) -> None:
        """Read exactly while the session lives and there is room for what comes in."""
        wanted = self._error is None and not self._inbox.full
        if wanted != self._reading:
            self._reading = wanted
            self._seen = self._loop.time()  # a peer that was not listened to was not silent
            self._wire.watch_reading(self._read if wanted else None)

    def _read(self) -> None:
        try:
            data, fds = self._wire.read()
            self._fds += fds
            if data:
                self._take(data)
            else:
                self._lose("closed the connection")
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(f"is gone: {error.strerror or error}")
        except VidprocError as error:
            self._break(error)

    def _take(self, data: bytes) -> None:
        self._seen = self._loop.time()
        self.received += len(data)
        for event in self._connection.receive_data(data):
            if isinstance(event, Arrived):
                self._inbox.put(Arrival(event.message, event.payload, self._descriptors(event.fds)))
        if len(self._fds) > MAX_FDS:
            raise PeerError("descriptors came that no message speaks of")
        self._put_answers()
        self._read_or_pause()
        self._wake()

    def _descriptors(self, count: int) -> Descriptors:
        """Descriptors come with the first bytes of their message, so they are here when it is."""
        if count > len(self._fds):
            raise PeerError(f"a message speaks of {count} descriptors, {len(self._fds)} came")
        fds, self._fds = self._fds[:count], self._fds[count:]
        return Descriptors(fds)

    # Writing

    def _put_answers(self) -> None:
        """Pongs are left out when much waits already: whatever goes out shows that this side lives."""
        answers = self._connection.data_to_send()
        if answers and (self._error is not None or not self._outbox.full(bulk=False)):
            self._put(answers)

    def _put(self, frame: Sequence[Buffer], fds: Sequence[int] = (), *, bulk: bool = False) -> None:
        if not self._writable:
            close_fds(fds)
            return
        idle = not len(self._outbox)
        self._outbox.put(frame, fds, bulk=bulk)
        if idle:
            self._progress = self._loop.time()
            self._write()

    def _write(self) -> None:
        """Hand the system what it takes; come back when it takes more."""
        try:
            for _ in range(_WRITES_AT_ONCE):
                buffers, fds = self._outbox.head()
                if not buffers:
                    break
                self._outbox.sent(self._wire.write(buffers, fds))
                self._sent = self._progress = self._loop.time()
        except BlockingIOError:
            pass
        except OSError as error:
            self._hear_last_words(error)
        if self._wire_open:
            self._wire.watch_writing(self._write if len(self._outbox) else None)
        self._wake()

    def _hear_last_words(self, failure: OSError) -> None:
        """The other end takes no more. It may have said why, and that still lies here to be read."""
        self._writable = False
        for _ in range(_LAST_READS):
            if self._error is None:
                self._read()
        self._lose(f"is gone: {failure.strerror or failure}")

    # Signs of life

    def _tick(self) -> None:
        """Look at the clock, again and again while the session lives."""
        if self._error is not None:
            return
        now, peer = self._loop.time(), self.peer
        if len(self._outbox) and now - self._progress > self._settings.send_timeout_s:
            self._lose(f"took nothing of what was sent for {self._settings.send_timeout_s:g} s")
        elif self._reading and now - self._seen > peer.silence_s:
            self._lose(f"was silent for {peer.silence_s:g} s")
        else:
            if not len(self._outbox) and now - self._sent >= peer.heartbeat_s:
                self._put(self._connection.send(Ping()))
            pause = min(peer.heartbeat_s, peer.silence_s, self._settings.send_timeout_s) / 2
            self._timer = self._loop.call_later(max(pause, 0.01), self._tick)

    # The end

    async def _finish(self) -> None:
        """Send what waits, say that there is no more, and read on until the other side says so too."""
        self._reading = False
        self._wire.watch_reading(self._discard)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._settings.close_s):
                await self._wait(lambda: not len(self._outbox) or not self._wire_open)
            if self._wire_open:
                self._wire.end_writing()
            async with asyncio.timeout(self._settings.linger_s):
                await self._wait(lambda: not self._wire_open)

    def _discard(self) -> None:
        try:
            data, fds = self._wire.read()
        except BlockingIOError:
            return
        except (OSError, PeerError):
            data, fds = b"", []
        close_fds(fds)
        if not data:
            self._release(self._error)

    def _failure(self) -> VidprocError:
        """What ended the session, anew each time, since a traceback would grow with every raise."""
        error = self._error or ConnectionLostError("the session has not ended")
        return type(error)(str(error))

    def _break(self, error: VidprocError) -> None:
        """The other side is at fault, or this one wants no more: what it is told is an `error` in place of any bulk."""
        self._error = self._error or error
        self._connection.fail(error)
        self._outbox.drop_bulk()
        self._read_or_pause()
        self._put_answers()
        self._wake()

    def _lose(self, reason: str) -> None:
        self._release(ConnectionLostError(f"{self.address} {reason}"))

    def _release(self, error: VidprocError | None) -> None:
        """Close the wire and let go of everything but what may still be received."""
        self._error = self._error or error
        if self._wire_open:
            self._wire_open = self._writable = self._reading = False
            self._wire.close()
        if self._timer is not None:
            self._timer.cancel()
        self._outbox.clear()
        close_fds(self._fds)
        self._fds.clear()
        self._wake()
