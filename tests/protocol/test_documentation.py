"""The page on the protocol agrees with the code: the bytes of its example, its messages, fields and limits."""

from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

import pytest
from msgspec.structs import astuple

from vidproc.protocol.connection import OPENING_LIMITS, Arrived, Connection, Event
from vidproc.protocol.messages import DownloadBlock, Fetch, Message, Ping
from vidproc.protocol.party import Opened, Party
from vidproc.protocol.shape import Limits

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
TOKEN = b"an example token"
VERSIONS = {"vidproc": "0.1.0"}


def example() -> list[tuple[str, str, bytes]]:
    """Who sends which message in which bytes, as printed."""
    blocks = re.findall(r"^(Client|Coordinator): `([a-z-]+)`\n\n```hex\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    return [(sender, kind, bytes.fromhex(block)) for sender, kind, block in blocks]


def section(kind: str) -> str:
    """The paragraph that begins with a message's name, and the table after it."""
    match = re.search(rf"^\*\*`{kind}`\*\*.*?(?=^\*\*`|^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, f"no paragraph on {kind}"
    return match[0]


def test_the_example_is_what_both_ends_say_and_understand() -> None:
    client = Connection(Party("client", "ann", VERSIONS, TOKEN), bytes(range(32)))
    coordinator = Connection(Party("coordinator", "c1", VERSIONS, TOKEN), bytes(range(32, 64)))
    said = {
        "fetch": lambda: client.send(Fetch("j1", 0)),
        "download-block": lambda: coordinator.send(DownloadBlock("j1", 0, crc32(b"film")), b"film"),
        "ping": lambda: client.send(Ping()),
    }
    heard: list[Event] = []
    for sender, kind, printed in example():
        here, there = (client, coordinator) if sender == "Client" else (coordinator, client)
        spoken = b"".join(map(bytes, said[kind]() if kind in said else here.data_to_send()))
        assert spoken == printed, f"the {kind} is now\n{spoken.hex(' ')}"
        heard += there.receive_data(printed)
    assert [type(event) for event in heard] == [Opened, Opened, Arrived, Arrived]
    assert heard[2:] == [
        Arrived(Fetch("j1", 0), b""),
        Arrived(DownloadBlock("j1", 0, crc32(b"film")), b"film"),
    ]


def test_the_example_has_each_message_of_the_opening() -> None:
    kinds = [kind for _, kind, _ in example()]
    assert kinds == ["handshake", "challenge", "proof", "ack", "fetch", "download-block", "ping", "pong"]


@pytest.mark.parametrize("kind", sorted(set(Message.registry) - {"ping", "pong"}))
def test_each_message_is_described_with_all_its_fields(kind: str) -> None:
    described = re.findall(r"^\| `(\w+)` \|", section(kind), re.MULTILINE)
    assert described == list(Message.registry[kind].__struct_fields__)


def test_ping_and_pong_are_described() -> None:
    assert "**`ping`**" in PAGE
    assert "**`pong`**" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| [^|]+ \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    opening, later = ([int(row[column]) for row in rows] for column in (0, 1))
    assert opening == list(astuple(OPENING_LIMITS))
    assert later == list(astuple(Limits()))
