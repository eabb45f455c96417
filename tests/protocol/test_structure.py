from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from vidproc.model import JobState, StreamFormat
from vidproc.protocol.structure import from_plain, to_plain

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Inner:
    number: int
    ratio: Fraction = Fraction(1, 2)


@dataclass(frozen=True)
class Outer:
    state: JobState
    inner: tuple[Inner, ...]
    pair: tuple[int, str]
    maybe: float | None
    by_number: Mapping[int, Inner]
    anything: Any = None


OUTER = Outer(JobState.DONE, (Inner(1), Inner(2, Fraction(3, 4))), (7, "x"), 1.5, {3: Inner(9)}, [1, {"a": None}])
PLAIN = {
    "state": "done",
    "inner": [{"number": 1, "ratio": [1, 2]}, {"number": 2, "ratio": [3, 4]}],
    "pair": [7, "x"],
    "maybe": 1.5,
    "by_number": {3: {"number": 9, "ratio": [1, 2]}},
    "anything": [1, {"a": None}],
}


def test_there_and_back() -> None:
    assert to_plain(OUTER) == PLAIN
    assert from_plain(Outer, PLAIN) == OUTER


def test_defaults_fill_in_and_unknown_keys_are_ignored() -> None:
    assert from_plain(Inner, {"number": 3, "later": "x"}) == Inner(3)


def test_whole_numbers_serve_as_floats_but_nothing_serves_as_a_whole_number() -> None:
    assert from_plain(Outer, {**PLAIN, "maybe": 2}).maybe == 2.0
    with pytest.raises(ValueError, match=r"Inner\.number: expected int, got bool"):
        from_plain(Inner, {"number": True})
    with pytest.raises(ValueError, match=r"Inner\.number: expected int, got float"):
        from_plain(Inner, {"number": 1.0})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"state": "asleep"}, r"Outer\.state"),
        ({"state": []}, r"Outer\.state"),
        ({"inner": 5}, r"Outer\.inner"),
        ({"inner": [{"number": 1, "ratio": [1, 0]}]}, r"Outer\.inner\[0\]\.ratio"),
        ({"inner": [{"number": 1, "ratio": [1]}]}, r"Outer\.inner\[0\]\.ratio"),
        ({"inner": [{}]}, r"Outer\.inner\[0\]\.number is missing"),
        ({"pair": [1]}, r"Outer\.pair: expected 2"),
        ({"pair": ["x", 1]}, r"Outer\.pair\[0\]"),
        ({"maybe": "x"}, r"Outer\.maybe"),
        ({"by_number": {"x": {"number": 1}}}, r"Outer\.by_number key"),
        ({"by_number": []}, r"Outer\.by_number"),
    ],
)
def test_the_field_at_fault_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(ValueError, match=path):
        from_plain(Outer, {**PLAIN, **change})


def test_a_stream_format_survives() -> None:
    stream = StreamFormat("h264", b"\x01\x02", 1920, 1080, "yuv420p", sar=Fraction(4, 3))
    assert from_plain(StreamFormat, to_plain(stream)) == stream
