from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.errors import MediaError
from vidproc.media.records import HIDDEN, NO_DTS, PacketFlag, PacketRecord, pack, unpack

pytestmark = pytest.mark.unit

_int64 = st.integers(-(1 << 63), (1 << 63) - 1)
_side_data = st.lists(st.tuples(st.sampled_from(["palette", "new_extradata"]), st.binary(max_size=40)), max_size=3)
_records = st.builds(
    PacketRecord,
    rank=st.integers(HIDDEN, 1 << 40),
    dts=_int64,
    duration=_int64,
    flags=st.integers(0, 15),
    data=st.binary(max_size=200),
    side_data=_side_data.map(tuple),
)


@given(st.lists(_records, max_size=8))
def test_what_is_packed_comes_back(records: list[PacketRecord]) -> None:
    assert list(unpack(pack(records))) == records


@given(st.lists(_records, min_size=1, max_size=4), st.data())
def test_a_run_that_ends_within_a_record_is_refused(records: list[PacketRecord], data: st.DataObject) -> None:
    whole = pack(records)
    ends = {len(pack(records[:count])) for count in range(len(records) + 1)}
    cut = data.draw(st.integers(1, len(whole) - 1).filter(lambda at: at not in ends))
    with pytest.raises(MediaError):
        list(unpack(whole[:cut]))


@given(st.binary(max_size=300))
def test_noise_is_refused_or_read_but_never_crashes(noise: bytes) -> None:
    try:
        records = list(unpack(noise))
    except MediaError:
        return
    assert pack(records) == noise


def test_reading_copies_no_packet() -> None:
    buffer = bytearray(pack([PacketRecord(0, 0, 1, PacketFlag.KEY, b"abc")]))
    (record,) = unpack(buffer)
    buffer[-1] = ord("x")
    assert bytes(record.data) == b"abx"
    del record


def test_a_record_lies_as_the_documentation_says() -> None:
    record = PacketRecord(HIDDEN, NO_DTS, 2, PacketFlag.KEY | PacketFlag.SEEK, b"\xaa\xbb", (("palette", b"\x01"),))
    assert pack([record]).hex(" ", 1).replace(" ", "") == (
        "02000000" "0900" "0100" "ffffffffffffffff" "0000000000000080" "0200000000000000"
        "07" "01000000" "70616c65747465" "01" "aabb"
    )  # fmt: skip
