"""Each wrong message ends its connection, at once and with one small word of why; nothing of it is passed on."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.hostile.messages import BREACHES, Breach
from tests.protocol.examples import ends, opened, pending
from vidproc.errors import PeerError
from vidproc.protocol.connection import Connection, Event
from vidproc.protocol.framing import FrameReader
from vidproc.protocol.messages import Error, Message

pytestmark = pytest.mark.unit

TOKEN = b"correct horse battery staple"


def hearing(breach: Breach) -> Connection:
    """The end that is to hear it, as far as its connection is."""
    kind, _, peer = breach.end.partition(" of a ")
    if breach.state == "open":
        return opened(peer)[1] if kind == "coordinator" else opened(kind)[0]
    dialling, dialled = ends("client" if kind == "coordinator" else kind, TOKEN if kind == "coordinator" else None)
    if kind != "coordinator":
        pending(dialling)
        return dialling
    if breach.state == "challenged":
        assert list(dialled.receive_data(pending(dialling))) == []
        assert pending(dialled)
    return dialled


def hear(connection: Connection, pieces: Iterable[bytes], events: list[Event]) -> None:
    for piece in pieces:
        events.extend(connection.receive_data(piece))


def test_there_are_enough_of_each_kind() -> None:
    assert len(BREACHES) > 200
    assert len({(breach.end, breach.state) for breach in BREACHES.values()}) == 8
    assert len({breach.data for breach in BREACHES.values()}) > 80


@pytest.mark.parametrize("step", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("name", BREACHES)
def test_a_wrong_message_ends_its_connection(name: str, step: int) -> None:
    breach = BREACHES[name]
    connection, data = hearing(breach), breach.data[: 2**21 + 500]
    pieces = [data] if not step or len(data) > 2**18 else [data[at : at + 1] for at in range(len(data))]
    events: list[Event] = []
    with pytest.raises(PeerError) as caught:
        hear(connection, pieces, events)
    assert events == []
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 600
    answer = pending(connection)
    assert len(answer) < 2000
    reader = FrameReader()
    reader.feed(answer)
    told = [Message.from_header(header) for header, _ in reader]
    assert isinstance(told[-1], Error)
    assert list(connection.receive_data(breach.data)) == [], "it takes no more"
