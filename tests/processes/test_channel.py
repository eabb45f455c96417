"""The child's end of the socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from vidproc.processes.channel import Channel
from vidproc.protocol.framing import pack

Ends = tuple[socket.socket, Channel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The parent's socket and the child's channel."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Channel(theirs)


def test_messages_come_whole_and_in_order_however_they_were_cut(ends: Ends) -> None:
    parent, channel = ends
    sent = [({"n": n}, bytes(range(n))) for n in range(5)]
    stream = b"".join(bytes(piece) for header, payload in sent for piece in pack(header, payload))
    for at in range(0, len(stream), 3):
        parent.sendall(stream[at : at + 3])
    parent.shutdown(socket.SHUT_WR)
    assert list(channel) == sent


def test_what_is_sent_is_framed(ends: Ends) -> None:
    parent, channel = ends
    channel.send({"done": 1}, memoryview(b"records"))
    assert parent.recv(4096) == b"".join(bytes(piece) for piece in pack({"done": 1}, b"records"))


def test_an_answer_to_nobody_is_an_error(ends: Ends) -> None:
    parent, channel = ends
    parent.close()
    with pytest.raises(BrokenPipeError):
        channel.send({"done": 1})
