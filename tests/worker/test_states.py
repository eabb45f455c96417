"""What filters remember comes out of its bytes as it went in, or is refused; and no bytes do harm."""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.errors import FilterError, VidprocError
from vidproc.worker.states import States, pack, unpack

pytestmark = pytest.mark.unit

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(), st.binary()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)


def there_and_back(state: Any) -> Any:
    return unpack(pack({3: state}))[3]


@given(VALUES)
def test_plain_values_come_back_in_value_and_type(value: Any) -> None:
    assert repr(there_and_back({"value": value})) == repr({"value": value})


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
        np.array([np.nan, -0.0, np.inf, 5e-324]),
        np.zeros((0, 3), np.uint8),
        np.array(7, ">i2"),
        np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        np.arange(20, dtype=np.uint16)[::3],
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array(["so", "long"]),
    ],
)
def test_arrays_come_back_to_the_bit(array: Any) -> None:
    after = there_and_back({"a": array})["a"]
    assert (after.dtype, after.shape) == (array.dtype, array.shape)
    assert after.tobytes() == array.tobytes()
    assert after.flags.writeable
    assert after.flags.f_contiguous >= array.flags.f_contiguous


def test_numbers_of_numpy_stay_what_they_are() -> None:
    before = {"one": np.float32(0.1), "two": np.int64(-3), "three": np.bool_(True), "four": np.float64(0.1)}
    after = there_and_back(before)
    assert after == before
    assert [type(value) for value in after.values()] == [np.float32, np.int64, np.bool_, np.float64]


_TWICE = np.zeros(10)
_ROUND: list[Any] = []
_ROUND.append(_ROUND)
_DEEP: list[Any] = []
for _ in range(60):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"model": object()}, "the state['model'] is a object, and can't be handed from chunk to chunk"),
        ({"seen": [1, {2, 3}]}, "the state['seen'][1] is a set"),
        ({"f": len}, "the state['f'] is a builtin_function_or_method"),
        ({(1, 2): 3}, "a key of the state is a tuple"),
        ({"a": np.array([object()])}, "the state['a'] is an array of object"),
        ({"a": np.zeros(3, [("x", int)])}, "the state['a'] is an array of"),
        ({"a": _TWICE, "b": [_TWICE]}, "the state['b'][0] stands in a second place of the state"),
        ({"a": _TWICE, "b": _TWICE[3:]}, "the state['b'] shares its memory with another array"),
        (_ROUND, "stands in a second place"),
        (_DEEP, "too many values"),
        ({"n": 2**64}, "a whole number that is too large"),
    ],
)
def test_what_cannot_be_carried_is_named(state: Any, said: str) -> None:
    with pytest.raises(FilterError) as caught:
        pack({0: state})
    assert said in str(caught.value)


def test_rows_of_one_array_are_not_one_place() -> None:
    rows = np.arange(6.0).reshape(2, 3)
    after = there_and_back({"a": rows[0], "b": rows[1]})
    assert [after["a"].tolist(), after["b"].tolist()] == rows.tolist()


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    with contextlib.suppress(VidprocError):
        unpack(data)


@pytest.mark.parametrize(
    "value",
    [
        ["array", "<f4", "C", [2, 3], b"\0" * 23],
        ["array", "<f4", "C", [-1, -6], b"\0" * 24],
        ["array", "<f4", "C", [1 << 40, 0], b""],
        ["array", "<f4", "K", [6], b"\0" * 24],
        ["array", "|O", "C", [3], b"\0" * 24],
        ["array", "V8", "C", [3], b"\0" * 24],
        ["array", "i4,i4", "C", [3], b"\0" * 24],
        ["array", 7, "C", [3], b"\0" * 24],
        ["array", "<f4", "C", [6]],
        ["number", "<f4", b""],
        ["dict", 1],
        ["dict", [], 1],
        ["pickle", b"cos\nsystem\n"],
        [],
    ],
)
def test_bytes_that_no_state_makes_are_refused(value: Any) -> None:
    try:
        found = unpack(msgpack.packb({0: value}))
    except VidprocError:
        return
    assert value[3] == [1 << 40, 0]
    assert found[0].size == 0


def test_a_state_is_taken_at_its_seam_and_not_later() -> None:
    first = States()
    state = {"seen": [1]}
    first.seam(2, 10).leave(state)
    state["seen"].append(2)
    second = States(first.left())
    take = second.seam(2, 20).take
    assert take is not None
    assert take() == {"seen": [1]}
    assert second.seam(1, 20).take is None
