"""Plain data (what msgpack carries) to and from frozen dataclasses, led by their annotations alone.

Unknown keys are ignored, so that a newer peer may say more; a missing or ill-typed one raises `ValueError` with its
path. Fractions travel as [numerator, denominator], tuples as lists, enumerations as their values.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """The msgpack-ready form of a dataclass, or of what one may hold."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[T], data: Any) -> T:
    """Build `kind` from plain data. Raises `ValueError` naming the field at fault."""
    built: T = _build(kind, data, kind.__name__)
    return built


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, data: Any, path: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, data, path)
    if kind is Fraction:
        return _fraction(data, path)
    if origin is tuple:
        return _tuple(kind, data, path)
    if origin in (types.UnionType, typing.Union):
        return _union(kind, data, path)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(kind, data, path)
    return _scalar(kind, data, path)


def _refuse(path: str, expected: str, data: Any) -> ValueError:
    return ValueError(f"{path}: expected {expected}, got {type(data).__name__}")


def _dataclass(kind: Any, data: Any, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise _refuse(path, "a map", data)
    hints, given = _hints(kind), {}
    for f in dataclasses.fields(kind):
        if f.name in data:
            given[f.name] = _build(hints[f.name], data[f.name], f"{path}.{f.name}")
        elif f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise ValueError(f"{path}.{f.name} is missing")
    return kind(**given)


def _fraction(data: Any, path: str) -> Fraction:
    if not (isinstance(data, list | tuple) and len(data) == 2 and all(type(n) is int for n in data) and data[1] > 0):
        raise _refuse(path, "[numerator, denominator]", data)
    return Fraction(data[0], data[1])


def _tuple(kind: Any, data: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise _refuse(path, "a list", data)
    item, *rest = typing.get_args(kind)
    kinds = [item] * len(data) if rest == [Ellipsis] else [item, *rest]
    if len(kinds) != len(data):
        raise ValueError(f"{path}: expected {len(kinds)} items, got {len(data)}")
    return tuple(_build(k, d, f"{path}[{i}]") for i, (k, d) in enumerate(zip(kinds, data, strict=True)))


def _union(kind: Any, data: Any, path: str) -> Any:
    for choice in typing.get_args(kind):
        try:
            return _build(choice, data, path)
        except ValueError:
            continue
    raise _refuse(path, str(kind), data)


def _mapping(kind: Any, data: Any, path: str) -> dict[Any, Any]:
    if not isinstance(data, Mapping):
        raise _refuse(path, "a map", data)
    key, value = typing.get_args(kind)
    return {_build(key, k, f"{path} key"): _build(value, v, f"{path}.{k}") for k, v in data.items()}


def _scalar(kind: Any, data: Any, path: str) -> Any:
    if kind is Any:
        return data
    if kind is None or kind is type(None):
        if data is None:
            return None
    elif issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise _refuse(path, f"one of {[m.value for m in kind]}", data) from None
    elif kind is float and type(data) is int:
        return float(data)
    elif type(data) is kind:
        return data
    raise _refuse(path, getattr(kind, "__name__", str(kind)), data)
