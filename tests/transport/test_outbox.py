from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.transport.outbox import Outbox

pytestmark = pytest.mark.unit


def drain(outbox: Outbox, step: int = 1000) -> bytes:
    """All that it has to send, taken at most `step` bytes at a time."""
    sent = b""
    while True:
        buffers, _ = outbox.head()
        taken = b"".join(buffers)[:step]
        if not taken:
            return sent
        outbox.sent(len(taken))
        sent += taken


def test_control_goes_first_but_not_into_a_frame_that_has_begun() -> None:
    outbox = Outbox(100, 100, 50)
    outbox.put([b"AA", b"aa"], bulk=True)
    outbox.put([b"BB"], bulk=True)
    assert b"".join(outbox.head()[0]) == b"AAaa"
    outbox.sent(3)
    outbox.put([b"11"])
    outbox.put([b"22"])
    assert drain(outbox, step=1) == b"a1122BB"
    assert len(outbox) == 0


def test_full_from_the_high_mark_to_the_low_one() -> None:
    outbox = Outbox(100, 10, 4)
    outbox.put([b"x" * 9], bulk=True)
    assert not outbox.full(bulk=True)
    outbox.put([b"y"], bulk=True)
    assert outbox.full(bulk=True)
    assert not outbox.full(bulk=False)
    outbox.head()
    outbox.sent(5)
    assert outbox.full(bulk=True)
    outbox.sent(1)
    assert not outbox.full(bulk=True)


def test_control_has_its_own_marks() -> None:
    outbox = Outbox(10, 100, 50)
    outbox.put([b"x" * 10])
    assert outbox.full(bulk=False)
    drain(outbox)
    assert not outbox.full(bulk=False)


def test_empty_buffers_are_nothing() -> None:
    outbox = Outbox(10, 10, 5)
    outbox.put([b"", b"x", b""])
    assert drain(outbox) == b"x"


def test_nothing_can_be_sent_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing was to be sent"):
        Outbox(10, 10, 5).sent(1)


def test_bulk_can_be_dropped_but_for_the_frame_that_has_begun() -> None:
    outbox = Outbox(10, 10, 5)
    outbox.put([b"AAA"], bulk=True)
    outbox.put([b"BBB"], bulk=True)
    outbox.head()
    outbox.sent(1)
    outbox.put([b"1"])
    outbox.drop_bulk()
    assert len(outbox) == 3
    assert drain(outbox) == b"AA1"


def test_descriptors_are_closed_when_sent_and_when_forgotten() -> None:
    outbox = Outbox(10, 10, 5)
    fds = [os.dup(0) for _ in range(4)]
    for fd in fds[:2]:
        outbox.put([b"ab"], [fd])
    outbox.put([b"ab"], [fds[2]], bulk=True)
    outbox.put([b"ab"], [fds[3]], bulk=True)
    assert outbox.head()[1] == [fds[0]]
    outbox.sent(1)
    assert outbox.head()[1] == []
    outbox.clear()
    assert len(outbox) == 0
    for fd in fds:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20)) | st.integers(1, 30), max_size=60))
def test_every_byte_goes_once_and_in_order_within_its_kind(steps: list[tuple[bool, int] | int]) -> None:
    outbox, put, sent = Outbox(50, 50, 20), {True: b"", False: b""}, b""
    for step in steps:
        if isinstance(step, tuple):
            bulk, size = step
            data = bytes(len(put[bulk]) % 100 + i % 10 + 128 * bulk for i in range(size))
            put[bulk] += data
            outbox.put([data[:1], data[1:]], bulk=bulk)
        else:
            taken = b"".join(outbox.head()[0])[:step]
            sent += taken
            if taken:
                outbox.sent(len(taken))
        assert len(outbox) == sum(map(len, put.values())) - len(sent)
    sent += drain(outbox)
    assert bytes(byte for byte in sent if byte >= 128) == put[True]
    assert bytes(byte for byte in sent if byte < 128) == put[False]
    assert not outbox.full(bulk=True)
    assert not outbox.full(bulk=False)
