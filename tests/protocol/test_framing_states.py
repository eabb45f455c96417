"""A reader of frames against a list: whatever is sent, cut and fed in whatever order, comes out as it went in, until
the first breach, and nothing after that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vidproc.errors import PeerError
from vidproc.protocol.framing import PREFIX, Frame, FrameReader, Limits, pack

pytestmark = pytest.mark.unit

SMALL = Limits(header=64, payload=32, depth=3, length=4, items=12)
LARGE = Limits(header=256, payload=128, depth=6, length=16, items=64)

_headers = st.dictionaries(st.text(max_size=2), st.integers(0, 300) | st.text(max_size=3), max_size=3)
_bad = st.sampled_from(
    [
        PREFIX.pack(65, 0),
        PREFIX.pack(1, 33),
        PREFIX.pack(2**32 - 1, 2**32 - 1),
        PREFIX.pack(1, 0) + b"\x90",
        PREFIX.pack(1, 0) + b"\xc1",
        PREFIX.pack(2, 0) + b"\x80\x80",
        PREFIX.pack(0, 0),
        PREFIX.pack(5, 0) + b"\x81\xa1a\xdc\xff",
        PREFIX.pack(8, 3) + b"\x81\xa1a\x91\x91\x91\x91\x90",
    ]
)


class Reader(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.reader = FrameReader(SMALL)
        self.on_the_way = b""
        self.expected: list[Frame] = []
        self.got: list[Frame] = []
        self.spoilt = self.broken = False

    @precondition(lambda self: not self.spoilt)
    @rule(header=_headers, payload=st.binary(max_size=32))
    def send(self, header: dict[Any, Any], payload: bytes) -> None:
        self.on_the_way += b"".join(map(bytes, pack(header, payload)))
        self.expected.append((header, payload))

    @precondition(lambda self: not self.spoilt)
    @rule(data=_bad)
    def send_a_breach(self, data: bytes) -> None:
        self.on_the_way += data
        self.spoilt = True

    @rule(data=st.binary(max_size=50))
    @precondition(lambda self: self.spoilt)
    def send_anything_behind_a_breach(self, data: bytes) -> None:
        self.on_the_way += data

    @precondition(lambda self: not self.broken)
    @rule(size=st.integers(1, 40), times=st.integers(1, 3))
    def arrive(self, size: int, times: int) -> None:
        """Some bytes, in one piece or in several that are looked at together."""
        for _ in range(times):
            self.reader.feed(bytearray(self.on_the_way[:size]))
            self.on_the_way = self.on_the_way[size:]
        self._look()

    @precondition(lambda self: not self.broken)
    @rule()
    def arrive_all(self) -> None:
        self.reader.feed(self.on_the_way)
        self.on_the_way = b""
        self._look()
        assert self.broken == self.spoilt
        assert len(self.got) == len(self.expected)

    def _look(self) -> None:
        try:
            self.got.extend(self.reader)
        except PeerError:
            self.broken = True

    @invariant()
    def what_came_is_what_was_sent(self) -> None:
        assert self.got == self.expected[: len(self.got)]

    @invariant()
    def no_more_is_held_than_the_limits_allow(self) -> None:
        held = len(self.reader._part.getvalue()) + sum(map(len, self.reader._input))
        assert self.broken or held <= max(SMALL.header, SMALL.payload)


Reader.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestReader = Reader.TestCase
TestReader.pytestmark = [pytest.mark.unit]  # type: ignore[attr-defined]
