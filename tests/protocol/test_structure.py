from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import msgpack
import pytest
from msgspec import Struct

from vidproc.model import JobState, StreamFormat
from vidproc.protocol.structure import from_plain, to_plain

pytestmark = pytest.mark.unit


class Inner(Struct, frozen=True):
    number: int
    ratio: Fraction = Fraction(1, 2)

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("13 is\nunlucky")


class Outer(Struct, frozen=True):
    state: JobState
    inner: tuple[Inner, ...]
    pair: tuple[int, str]
    maybe: float | None
    by_number: Mapping[int, Inner]
    raw: bytes = b""
    flag: bool = False
    anything: Any = None


class Tree(Struct, frozen=True):
    branches: tuple[Tree, ...] = ()


OUTER = Outer(
    JobState.DONE, (Inner(1), Inner(2, Fraction(3, 4))), (7, "x"), 1.5, {3: Inner(9)}, b"\0\xff", True, [1, {"a": None}]
)
PLAIN = {
    "state": "done",
    "inner": [{"number": 1, "ratio": [1, 2]}, {"number": 2, "ratio": [3, 4]}],
    "pair": [7, "x"],
    "maybe": 1.5,
    "by_number": {3: {"number": 9, "ratio": [1, 2]}},
    "raw": b"\0\xff",
    "flag": True,
    "anything": [1, {"a": None}],
}


def carried(plain: Any) -> Any:
    """What comes out of msgpack at the other end."""
    return msgpack.unpackb(msgpack.packb(plain), strict_map_key=False)


def nested(depth: int) -> list[Any]:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    return deep


def test_there_and_back() -> None:
    assert carried(to_plain(OUTER)) == PLAIN
    assert from_plain(Outer, PLAIN) == OUTER


def test_fields_keep_their_order() -> None:
    assert list(to_plain(OUTER)) == list(PLAIN)


def test_any_mapping_is_a_map() -> None:
    assert to_plain({"a": MappingProxyType({1: Fraction(1, 3)})}) == {"a": {1: [1, 3]}}


def test_what_has_no_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="a object can't be sent"):
        to_plain({"a": object()})


def test_defaults_fill_in_and_unknown_keys_are_ignored() -> None:
    assert from_plain(Inner, {"number": 3, "later": "x"}) == Inner(3)


def test_whole_numbers_serve_as_floats_but_nothing_serves_as_a_whole_number() -> None:
    assert from_plain(Outer, {**PLAIN, "maybe": 2}).maybe == 2.0
    with pytest.raises(ValueError, match=r"Inner: Expected `int`, got `bool` - at `\$\.number`"):
        from_plain(Inner, {"number": True})
    with pytest.raises(ValueError, match=r"Inner: Expected `int`, got `float` - at `\$\.number`"):
        from_plain(Inner, {"number": 1.0})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "asleep"}, r"`\$\.state`"),
        ({"state": []}, r"`\$\.state`"),
        ({"inner": 5}, r"`\$\.inner`"),
        ({"inner": [{"number": 1, "ratio": [1, 0]}]}, r"\[numerator, denominator\].*`\$\.inner\[0\]\.ratio`"),
        ({"inner": [{"number": 1, "ratio": [1]}]}, r"`\$\.inner\[0\]\.ratio`"),
        ({"inner": [{"number": 1, "ratio": [True, 2]}]}, r"`\$\.inner\[0\]\.ratio`"),
        ({"inner": [{"number": 1, "ratio": "1/2"}]}, r"`\$\.inner\[0\]\.ratio`"),
        ({"inner": [{}]}, r"missing required field `number` - at `\$\.inner\[0\]`"),
        ({"inner": [{"number": 13}]}, r"Outer: 13 is unlucky - at `\$\.inner\[0\]`"),
        ({"pair": [1]}, r"of length 2, got 1 - at `\$\.pair`"),
        ({"pair": ["x", 1]}, r"`\$\.pair\[0\]`"),
        ({"maybe": "x"}, r"`\$\.maybe`"),
        ({"maybe": "1.5"}, r"`\$\.maybe`"),
        ({"maybe": 10**400}, r"`\$\.maybe`"),
        ({"by_number": {"x": {"number": 1}}}, r"`key` in `\$\.by_number`"),
        ({"by_number": {"3": {"number": 1}}}, r"`key` in `\$\.by_number`"),
        ({"by_number": []}, r"`\$\.by_number`"),
        ({"by_number": {3: {4: 5, "number": 1}}}, r"`key` in `\$\.by_number\[\.\.\.\]`"),
        ({"raw": "AP8="}, r"`\$\.raw`"),
        ({"flag": 1}, r"`\$\.flag`"),
        ({"state": "x" * 1000}, r"^Outer: Invalid enum value 'x{473}$"),
    ],
)
def test_the_field_at_fault_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_plain(Outer, {**PLAIN, **change})


def test_a_whole_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="Inner: Expected `object`, got `array`"):
        from_plain(Inner, [])
    with pytest.raises(ValueError, match="Inner: Object missing required field `number`"):
        from_plain(Inner, {})


def test_depth_without_end_is_an_error_like_any_other() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"branches": [deep]}
    with pytest.raises(ValueError, match="Tree: maximum recursion depth"):
        from_plain(Tree, deep)
    with pytest.raises(ValueError, match="a dict is nested too deep"):
        to_plain({"a": nested(100_000)})


def test_what_may_be_anything_is_not_looked_into() -> None:
    deep = nested(100_000)
    assert from_plain(Outer, {**PLAIN, "anything": deep}).anything is deep


def test_a_stream_format_survives() -> None:
    stream = StreamFormat("h264", b"\x01\x02", 1920, 1080, "yuv420p", sar=Fraction(4, 3))
    assert from_plain(StreamFormat, to_plain(stream)) == stream
