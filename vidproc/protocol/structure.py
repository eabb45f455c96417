"""Plain data (what msgpack carries) to and from the structs that cross the wire, led by their annotations alone.

msgspec does the work. Unknown keys are ignored, so that a newer peer may say more; a missing or ill-typed field raises
`ValueError` with its path, in which `$` stands for the struct. Nothing is read as what it only looks like: the text "1"
is no number, and base64 no bytes. Fractions travel as [numerator, denominator], enumerations as their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, TypeVar

import msgspec

from vidproc.errors import one_line

T = TypeVar("T")

_AS_THEY_ARE = (bytes,)


def to_plain(value: Any) -> Any:
    """The msgpack-ready form of a struct, or of what one may hold. Raises `TypeError` or `ValueError`."""
    try:
        return msgspec.to_builtins(value, builtin_types=_AS_THEY_ARE, enc_hook=_plain)
    except RecursionError:
        raise ValueError(f"a {type(value).__name__} is nested too deep to be sent") from None


def from_plain(kind: type[T], data: Any) -> T:
    """Build `kind` from plain data. Raises `ValueError` naming the field at fault, in one line."""
    try:
        return msgspec.convert(data, kind, builtin_types=_AS_THEY_ARE, dec_hook=_built)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(one_line(f"{kind.__name__}: {error}")) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} can't be sent")


def _built(kind: type, data: Any) -> Any:
    if kind is not Fraction:
        raise TypeError(f"{kind.__name__} is no type of a field")
    if not (isinstance(data, list | tuple) and len(data) == 2 and all(type(n) is int for n in data) and data[1] > 0):
        raise ValueError(f"Expected [numerator, denominator], got {type(data).__name__}")
    return Fraction(data[0], data[1])
