from __future__ import annotations

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.examples import ONE_OF_EACH
from vidproc.errors import PeerError
from vidproc.protocol.framing import BLOCK, PREFIX, Buffer, Frame, FrameReader, Limits, in_blocks, pack
from vidproc.protocol.messages import Message
from vidproc.protocol.shape import check_shape, too_small_to_break

pytestmark = pytest.mark.unit

SMALL = Limits(header=64, payload=32, depth=3, length=4, items=10)


def frames(data: Buffer, limits: Limits | None = None) -> list[Frame]:
    reader = FrameReader(limits)
    reader.feed(data)
    return list(reader)


def framed(body: bytes, payload: bytes = b"") -> bytes:
    return PREFIX.pack(len(body), len(payload)) + body + payload


def test_a_frame_lies_as_the_picture_says() -> None:
    head, payload = pack({"a": 1}, b"xyz")
    assert bytes(head) == bytes.fromhex("00000004 00000003 81a16101")
    assert payload == b"xyz"


@given(st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK))
def test_blocks_are_the_whole_in_order_and_no_larger_than_a_payload(start: int, size: int) -> None:
    blocks = list(in_blocks(range(start, start + size)))
    assert all(0 < len(block) <= Limits().payload for block in blocks)
    edges = [start, *(block.stop for block in blocks)]
    assert [block.start for block in blocks] == edges[:-1]
    assert edges[-1] == start + size


def test_a_payload_is_passed_on_without_a_copy() -> None:
    payload = bytearray(b"x" * 100)
    assert pack({}, payload)[1] is payload
    assert len(pack({})) == 1


@pytest.mark.parametrize("step", [1, 2, 7, 8, 9, 10_000])
def test_frames_come_out_however_the_bytes_are_cut(step: int) -> None:
    sent = [({"n": n, "text": "é" * n}, bytes(range(n % 256)) * 3) for n in range(40)]
    data = b"".join(bytes(part) for header, payload in sent for part in pack(header, payload))
    reader, got = FrameReader(), []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        got += list(reader)
    assert got == sent


def test_several_feeds_may_come_before_the_first_look() -> None:
    data = b"".join(pack({"n": 1}, b"payload")) * 3
    reader = FrameReader()
    for byte in data:
        reader.feed(bytes([byte]))
    assert len(list(reader)) == 3


def test_views_of_other_types_are_taken_as_bytes() -> None:
    numbers = memoryview(b"12345678").cast("I")
    assert frames(b"".join(bytes(part) for part in pack({}, numbers))) == [({}, b"12345678")]


def test_a_payload_of_a_mebibyte_in_small_pieces_is_not_copied_again_and_again() -> None:
    payload = bytes(2**20)
    data = b"".join(pack({}, payload))
    reader = FrameReader()
    for start in range(0, len(data), 100):
        reader.feed(data[start : start + 100])
        for header, got in reader:
            assert (header, got) == ({}, payload)
            return
    pytest.fail("no frame came")


@pytest.mark.parametrize(
    ("prefix", "says"),
    [((65, 0), "header of 65 bytes"), ((1, 33), "payload of 33 bytes"), ((2**32 - 1, 2**32 - 1), "header of")],
)
def test_lengths_are_refused_before_the_body_is_there(prefix: tuple[int, int], says: str) -> None:
    with pytest.raises(PeerError, match=says):
        frames(PREFIX.pack(*prefix), SMALL)


def test_the_largest_frame_is_taken() -> None:
    body = b"\x81\xa1k\xc4\x3b" + bytes(59)
    assert len(body) == SMALL.header
    assert frames(framed(body, b"p" * 32), SMALL) == [({"k": bytes(59)}, b"p" * 32)]


def test_limits_may_change_between_two_frames() -> None:
    reader = FrameReader(SMALL)
    reader.feed(framed(b"\x80") + framed(b"\x80", bytes(33)))
    assert next(reader) == ({}, b"")
    reader.limits = Limits()
    assert next(reader) == ({}, bytes(33))


NESTED = {1: {}, 2: {"a": {}}, 3: {"a": {"a": []}}, 4: {"a": {"a": [[]]}}}


def test_depth_is_counted_with_the_header_itself() -> None:
    check_shape(msgpack.packb(NESTED[3]), SMALL)
    with pytest.raises(PeerError, match="levels"):
        check_shape(msgpack.packb(NESTED[4]), SMALL)


def test_length_and_number_of_items_are_counted() -> None:
    check_shape(msgpack.packb({"a": [1, 2, 3, 4]}), SMALL)
    with pytest.raises(PeerError, match="of 5 items"):
        check_shape(msgpack.packb({"a": [1, 2, 3, 4, 5]}), SMALL)
    with pytest.raises(PeerError, match="10 items"):
        check_shape(msgpack.packb({"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}), SMALL)


def test_small_headers_are_known_to_be_within_the_limits() -> None:
    for limits in (Limits(depth=3, length=10, items=20), Limits(depth=3, length=20, items=10)):
        assert too_small_to_break(msgpack.packb(NESTED[3]), limits)
        for larger in (NESTED[4], {"a": "x" * 10}):
            assert not too_small_to_break(msgpack.packb(larger), limits)


@pytest.mark.parametrize("message", ONE_OF_EACH)
def test_what_is_sent_often_is_small(message: Message) -> None:
    assert too_small_to_break(msgpack.packb(message.to_header()), Limits())


def test_the_default_limits_are_those_of_the_protocol() -> None:
    deep: object = 0
    for _ in range(15):
        deep = [deep]
    check_shape(msgpack.packb({"a": deep}), Limits())
    with pytest.raises(PeerError):
        check_shape(msgpack.packb({"a": [deep]}), Limits())
    check_shape(msgpack.packb({"a": [0] * 4096}), Limits())
    with pytest.raises(PeerError):
        check_shape(msgpack.packb({"a": [0] * 4097}), Limits())


def test_a_bomb_of_empty_lists_is_refused_unbuilt() -> None:
    bomb = b"\x81\xa1a\xdc\x0f\xff" + (b"\xdc\x0f\xff" + b"\x90" * 4095) * 60
    with pytest.raises(PeerError, match="65536 items"):
        frames(framed(bomb))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x90",  # not a map
        b"\xc0",
        b"\x81",  # a map that ends early
        b"\x81\xa1a\xcd\x00",  # a number that ends early
        b"\x81\xa1a\xd9",  # a length that ends early
        b"\x81\xa1a\xdb\xff\xff\xff\xff",  # a string longer than the header
        b"\x81\xa1a\xdd\xff\xff\xff\xff",  # an array of 2**32 items
        b"\x81\xa1a\xdf\xff\xff\xff\xff",
        b"\x80\x80",  # bytes left over
        b"\x81\xa1a\xc1",  # a byte that msgpack never uses
        b"\x81\xa1a\xd4\x05\x00",  # extension types: fixext 1, ext 8, a timestamp
        b"\x81\xa1a\xc7\x01\x05\x00",
        b"\x81\xa1a\xd6\xff\x00\x00\x00\x00",
        b"\x81\xa1\xff\x00",  # a string that is not UTF-8
        b"\x81\x80\x00",  # a map and a list as keys
        b"\x81\x90\x00",
    ],
)
def test_a_header_that_is_not_one_plain_map_is_refused(body: bytes) -> None:
    with pytest.raises(PeerError):
        frames(framed(body))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 300), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), plain, max_size=5))
@settings(max_examples=50)
def test_the_shape_of_whatever_msgpack_packs_is_understood(header: dict[str, object]) -> None:
    generous = Limits(depth=1000, length=10**6, items=10**6)
    assert frames(b"".join(pack(header)), generous) == [(header, b"")]


_limits = st.builds(Limits, depth=st.integers(1, 8), length=st.integers(1, 8), items=st.integers(1, 60))


@given(st.dictionaries(st.text(max_size=3), plain, max_size=5), _limits)
@settings(max_examples=500)
def test_what_is_too_small_to_break_a_limit_breaks_none(header: dict[str, object], limits: Limits) -> None:
    body = msgpack.packb(header)
    if too_small_to_break(body, limits):
        check_shape(body, limits)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_random_headers_raise_nothing_but_peer_errors(body: bytes) -> None:
    try:
        ((header, _),) = frames(framed(body))
    except PeerError:
        return
    assert isinstance(header, dict)


@given(st.binary(max_size=300))
def test_a_shape_is_accepted_exactly_when_msgpack_reads_all_of_it(body: bytes) -> None:
    body = b"\x81\xa1a" + body
    try:
        check_shape(body, Limits())
    except PeerError:
        return
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(body)
    unpacker.skip()
    assert unpacker.tell() == len(body)
