"""What filters remember, as bytes: states that travel from slot to slot.

A state is made of plain values (None, truth values, numbers, texts, bytes, lists, tuples, dicts) and NumPy's arrays and
numbers. What comes back equals what was given in type and value, floats to the last bit, and arrays lie in memory in
the same order; so a filter does not notice that it went on elsewhere. What can't be carried like that is refused: a
class of one's own, a number beyond 64 bits, an array that stands in two places and would be two afterwards.

On the wire it is msgpack. Each container and array is a list that begins with a word for what it is. Bytes from another
slot are read as a stranger's: looked over before they are unpacked, and no type is made but these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgpack
import numpy as np

from vidproc.errors import FilterError, PeerError, WorkerError
from vidproc.filters.contract import Array
from vidproc.pipelines.recall import Seam
from vidproc.protocol.shape import Limits, check_shape

MOST_BYTES = 256 * 2**20
"""Of all states of a job at the end of a chunk."""
_LIMITS = Limits(header=MOST_BYTES, depth=32, length=1 << 20, items=1 << 20)
_PLAIN = (type(None), bool, int, float, str, bytes)
_KINDS = "biufcSU"
"""Of arrays, as NumPy's letters: truth values, numbers, and texts of fixed length."""
_DTYPE = re.compile(rf"[<>|=][{_KINDS}][1-9]\d*")


class States:
    """The states of a chain's filters at one end of a chunk and at the other, by the filters' numbers."""

    def __init__(self, given: bytes = b"") -> None:
        self._given = unpack(given) if given else {}
        self._left: dict[int, Any] = {}

    def seam(self, number: int, at: int) -> Seam:
        """See `pipelines.run.Handover`."""
        take = (lambda: self._given[number]) if number in self._given else None

        def leave(state: Any) -> None:
            self._left[number] = _Packing().value(state, "the state")  # now, as the filter goes on and changes it

        return Seam(take, at, leave)

    def left(self) -> bytes:
        """What the filters have left, to begin the next chunk with."""
        return _packed(self._left)


def pack(states: Mapping[int, Any]) -> bytes:
    """States by number as bytes. Raises `FilterError` saying what can't be carried."""
    return _packed({number: _Packing().value(state, "the state") for number, state in states.items()})


def unpack(data: bytes) -> dict[int, Any]:
    """What `pack` was given. Raises `PeerError` or `WorkerError` for bytes that it can't have made."""
    check_shape(data, _LIMITS)
    try:
        found = msgpack.unpackb(data, raw=False, strict_map_key=False)
        return {number: _unpacked(value) for number, value in found.items() if type(number) is int}
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError) as error:
        raise WorkerError(f"the filters' state is damaged: {error}") from error


def _packed(values: Mapping[int, Any]) -> bytes:
    try:
        data: bytes = msgpack.packb(values)
    except OverflowError:
        raise FilterError("a filter's state has a whole number that is too large: keep it as text or float") from None
    if len(data) > MOST_BYTES:
        most = MOST_BYTES >> 20
        raise FilterError(f"the filters' states have {len(data) >> 20} MiB; at most {most} can be handed on")
    try:
        check_shape(data, _LIMITS)
    except PeerError:
        bounds = f"{_LIMITS.items} values, {_LIMITS.depth // 2} deep"
        raise FilterError(f"a filter's state has too many values to be handed on; at most {bounds}") from None
    return data


class _Packing:
    """One state on its way into plain lists."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._arrays: list[Array] = []

    def value(self, value: Any, where: str) -> Any:
        if type(value) in _PLAIN:
            return value
        if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
            return ["number", value.dtype.str, value.tobytes()]
        make = self._makers.get(type(value))
        if make is None:
            raise _refusal(where, f"a {type(value).__name__}")
        if type(value) is not tuple and id(value) in self._seen:
            raise FilterError(f"{where} stands in a second place of the state: copy it")
        self._seen.add(id(value))
        return make(self, value, where)

    def _list(self, value: list[Any], where: str) -> list[Any]:
        return ["list", *(self.value(each, f"{where}[{n}]") for n, each in enumerate(value))]

    def _tuple(self, value: tuple[Any, ...], where: str) -> list[Any]:
        return ["tuple", *(self.value(each, f"{where}[{n}]") for n, each in enumerate(value))]

    def _dict(self, value: dict[Any, Any], where: str) -> list[Any]:
        return ["dict", *self._pairs(value, where)]

    def _pairs(self, value: dict[Any, Any], where: str) -> Iterator[Any]:
        for key, each in value.items():
            if type(key) not in _PLAIN:
                raise _refusal(f"a key of {where}", f"a {type(key).__name__}")
            yield key
            yield self.value(each, f"{where}[{key!r}]")

    def _array(self, value: Array, where: str) -> list[Any]:
        if value.dtype.kind not in _KINDS:
            raise _refusal(where, f"an array of {value.dtype}")
        if any(np.may_share_memory(value, other) for other in self._arrays):
            raise FilterError(f"{where} shares its memory with another array of the state: copy it")
        self._arrays.append(value)
        order: Literal["C", "F"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        return ["array", value.dtype.str, order, list(value.shape), value.tobytes(order)]

    _makers: Mapping[type, Callable[[_Packing, Any, str], list[Any]]] = {
        list: _list,
        tuple: _tuple,
        dict: _dict,
        np.ndarray: _array,
    }


def _refusal(where: str, what: str) -> FilterError:
    return FilterError(
        f"{where} is {what}, and can't be handed from chunk to chunk: keep plain values and arrays, or declare the "
        f"memory opaque"
    )


def _unpacked(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    word, *rest = value
    return _READERS[word](rest)


def _read_dict(rest: list[Any]) -> dict[Any, Any]:
    return {key: _unpacked(each) for key, each in zip(rest[::2], rest[1::2], strict=True)}


def _read_number(rest: list[Any]) -> Any:
    name, data = rest
    return np.frombuffer(data, _dtype(name), count=1)[0]


def _read_array(rest: list[Any]) -> Array:
    name, order, shape, data = rest
    dtype = _dtype(name)
    if any(type(side) is not int or side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes are no array of {shape} {name}")
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order={"C": "C", "F": "F"}[order])  # type: ignore[call-overload,no-any-return]


def _dtype(name: str) -> np.dtype[Any]:
    if not _DTYPE.fullmatch(name):
        raise ValueError(f"{name} is no type of numbers")
    return np.dtype(name)


_READERS: Mapping[str, Callable[[list[Any]], Any]] = {
    "list": lambda rest: [_unpacked(each) for each in rest],
    "tuple": lambda rest: tuple(_unpacked(each) for each in rest),
    "dict": _read_dict,
    "number": _read_number,
    "array": _read_array,
}
