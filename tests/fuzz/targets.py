"""What is given any bytes, and what must hold of it: only documented errors, and never more held than was allowed.

The first byte of an input says into what pieces the rest is cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.fuzz.search import LONGEST, Run
from tests.hostile.messages import BREACHES
from tests.protocol.examples import ONE_OF_EACH, ends, opened, pending
from vidproc.errors import PeerError, UnreachableError, VidprocError
from vidproc.protocol.connection import Connection
from vidproc.protocol.framing import FrameReader, Limits, pack
from vidproc.protocol.messages import Message

SMALL = Limits(header=512, payload=256, depth=4, length=16, items=64)
_TOKEN = b"correct horse battery staple"
_ANSWER = 8192
"""Bytes of answers that may come up at once: a handshake, some errors of one line."""

WHERE = "vidproc/protocol/"
WORDS = (*map(str.encode, Message.registry), b"type", b"version", b"job_id", b"fds", b"\xa4type")
"""What messages are made of."""


def _pieces(data: bytes) -> Iterator[bytes]:
    size = data[0] % 64 + 1 if data else 1
    for at in range(1, len(data), size):
        yield data[at : at + size]


def framing(data: bytes) -> None:
    """A reader of frames with small limits, that are all reached."""
    reader = FrameReader(SMALL)
    try:
        for piece in _pieces(data):
            reader.feed(piece)
            for header, payload in reader:
                assert isinstance(header, dict)
                assert len(payload) <= SMALL.payload
            assert len(reader._part.getvalue()) <= max(SMALL.header, SMALL.payload)
            assert not reader._input
    except PeerError as error:
        _check_words(error)


def _connection(fresh: Connection, data: bytes) -> None:
    """An end, as far as it is: nothing comes out after a breach, and what it says is small."""
    pending(fresh)
    for piece in _pieces(data):
        try:
            for _ in fresh.receive_data(piece):
                pass
        except (PeerError, UnreachableError) as error:
            _check_words(error)
            _check_broken(fresh, data)
        assert len(pending(fresh)) <= _ANSWER


def _check_words(error: VidprocError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) <= 1000


def _check_broken(connection: Connection, data: bytes) -> None:
    assert list(connection.receive_data(data)) == []


def _challenged() -> Connection:
    peer, coordinator = ends("client", _TOKEN)
    assert not list(coordinator.receive_data(pending(peer)))
    return coordinator


def targets() -> Mapping[str, Run]:
    return {
        "framing": framing,
        "a new coordinator": lambda data: _connection(ends()[1], data),
        "a coordinator that waits for a proof": lambda data: _connection(_challenged(), data),
        "a coordinator of a client": lambda data: _connection(opened("client")[1], data),
        "a coordinator of a worker": lambda data: _connection(opened("worker")[1], data),
        "a new client": lambda data: _connection(ends("client")[0], data),
        "a client": lambda data: _connection(opened("client")[0], data),
        "a worker": lambda data: _connection(opened("worker")[0], data),
    }


def seeds() -> Sequence[bytes]:
    """A good message of each kind, in one piece and byte by byte, and the bad ones that are short."""
    good = [b"".join(map(bytes, pack(message.to_header()))) for message in ONE_OF_EACH]
    bad = [breach.data for breach in BREACHES.values() if len(breach.data) < LONGEST]
    return [bytes([63]) + data for data in dict.fromkeys([*good, *bad])] + [b"\0" + data for data in good]
