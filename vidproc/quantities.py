"""Sizes, durations and numbers of things, as people write them and read them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_NUMBER = r"\d+(?:\.\d+)?"
_SIZE = re.compile(rf"({_NUMBER})\s*(?:([kmgt])(i?b)?|b)?", re.IGNORECASE)
_DURATION = re.compile(rf"(?:{_NUMBER}\s*(?:ms|s|m|h|d|w)\s*)+")
_DURATION_PART = re.compile(rf"({_NUMBER})\s*(ms|s|m|h|d|w)")
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_size(text: str | int) -> int:
    """A number of bytes: `4096`, `64KiB`, `1.5G`, `2GB`.

    `G` and `GiB` are 1024 ** 3, `GB` is 1000 ** 3, and so on for K, M and T; capitals don't matter. Raises
    `ValueError`.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is no size: give bytes, or a number with KiB, MiB, GiB or TiB")
    number, prefix, unit = match.groups()
    base = 1000 if (unit or "").lower() == "b" else 1024
    return int(float(number) * base ** " kmgt".index((prefix or " ").lower()))


def parse_duration(text: str | float) -> float:
    """A number of seconds: `30`, `1.5`, `250ms`, `90s`, `1h30m`, `7d`, `2w`. Raises `ValueError`."""
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < math.inf:
        return float(text)
    plain = str(text).strip()
    if re.fullmatch(_NUMBER, plain):
        return float(plain)
    if not _DURATION.fullmatch(plain):
        raise ValueError(f"{text!r} is no duration: give seconds, or numbers with ms, s, m, h, d or w")
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(plain))


def as_size(size: int) -> str:
    """What `parse_size` reads as so many bytes, in the largest unit that they are a whole number of: `64KiB`."""
    unit = max((power for power in range(1, 5) if size and size % 1024**power == 0), default=0)
    return f"{size // 1024**unit}{('', 'KiB', 'MiB', 'GiB', 'TiB')[unit]}"


def as_duration(seconds: float) -> str:
    """What `parse_duration` reads as so many seconds, in days, hours or minutes if it is a whole number of these:
    `7d`, `90`."""
    unit = next((unit for unit in "dhm" if seconds and seconds % _SECONDS[unit] == 0), "")
    return f"{seconds / _SECONDS.get(unit, 1.0)!r}".removesuffix(".0") + unit


def as_clock(seconds: float) -> str:
    """How long something takes, for people: `0:07`, `1:02:03`."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def counted(number: int, noun: str) -> str:
    """`1 frame`, `2 frames`; of nouns whose plural ends so."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size_in_words(size: int) -> str:
    """Bytes, in the largest unit of which there is one: `1.5 MB`."""
    return _in_units(size, _UNITS)


def sizes_in_words(one: int, other: int) -> tuple[str, str]:
    """Two numbers of bytes that are to be compared; those that differ are told apart, in smaller units if need be."""
    for smaller in range(len(_UNITS)):
        said = _in_units(one, _UNITS[smaller:]), _in_units(other, _UNITS[smaller:])
        if said[0] != said[1]:
            return said
    return _in_units(one, ()), _in_units(other, ())


def _in_units(size: int, units: Iterable[tuple[int, str]]) -> str:
    return next((f"{size / unit:.1f} {name}" for unit, name in units if size >= unit), counted(size, "byte"))
