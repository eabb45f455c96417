"""How people write filters down: `blur:ksize=5,sigma=1.2` as a `FilterSpec`.

A comma within a value has a backslash before it, as in FFmpeg's filters: `text:text=one\\, two`. So has a backslash
that stands before a comma or another one; any other is itself.

Values stay words here. Which of them is a number is for the filter's own declaration to say, where the job is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vidproc.client import piped
from vidproc.errors import ClientError
from vidproc.model import MOST_FILTERS, FilterSpec, ParamValue

_MARK = re.compile(r"\\([\\,])|,")
_SPECIAL, _ESCAPED = re.compile(r"[\\,]"), r"\\\g<0>"

_MOST_CODE = 240 * 1024
"""Bytes: a job goes in one message, whose header takes 256 KiB."""


def parse(text: str) -> FilterSpec:
    """`NAME` or `NAME:name=value,name=value`. Raises `ClientError`."""
    name, colon, rest = text.partition(":")
    if not name.strip() or (colon and not rest.strip()):
        raise ClientError(f"filter {text!r}: write NAME or NAME:name=value,name=value")
    return FilterSpec(name.strip(), parse_params(_pairs(rest) if rest else ()))


def written(name: str, params: Mapping[str, ParamValue]) -> str:
    """The same the other way about."""
    pairs = ",".join(f"{key}={_SPECIAL.sub(_ESCAPED, str(value))}" for key, value in params.items())
    return f"{name}:{pairs}" if pairs else name


def _pairs(text: str) -> list[str]:
    """What is between the commas."""
    return _MARK.sub(lambda found: found[1] or "\0", text).split("\0")


def parse_params(pairs: Iterable[str]) -> dict[str, ParamValue]:
    """`name=value` pairs. Raises `ClientError` for one that is none, and for a name that comes twice."""
    params: dict[str, ParamValue] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals):
            raise ClientError(f"parameter {pair!r}: write name=value (in --filter a comma within a value is \\,)")
        if name in params:
            raise ClientError(f"parameter {name!r} is given twice, as {params[name]!r} and as {value!r}")
        params[name] = value
    return params


def from_file(path: Path, function: str = "", params: Mapping[str, ParamValue] | None = None) -> FilterSpec:
    """A custom filter from a Python file. Raises `ClientError` if it cannot be read."""
    try:
        code = piped.read(path).decode() if path.is_fifo() else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(f"cannot read the filter {path}: {getattr(error, 'strerror', None) or error}") from None
    return FilterSpec("custom", dict(params or {}), code, function)


def with_file(spec: FilterSpec) -> FilterSpec:
    """The same; for `FILE.py`, or `custom` with the parameters `file` and perhaps `function`, what the file holds."""
    if spec.name.endswith(".py"):
        spec = FilterSpec("custom", {"file": spec.name, **spec.params})
    if spec.name != "custom":
        return spec
    params = dict(spec.params)
    path = params.pop("file", None)
    if path is None:
        raise ClientError("custom needs its file: --processing custom --param file=FILE.py, or --filter FILE.py")
    return from_file(Path(str(path)), str(params.pop("function", "")), params)


def check_size(filters: Sequence[FilterSpec]) -> None:
    """Raises `ClientError` for filters that no message could carry to a coordinator."""
    if len(filters) > MOST_FILTERS:
        raise ClientError(f"a job may have {MOST_FILTERS} filters, not {len(filters)}")
    code = sum(len(it.code.encode(errors="replace")) for it in filters)
    if code > _MOST_CODE:
        raise ClientError(f"the custom filters' files have {code >> 10} KiB; a job can carry {_MOST_CODE >> 10} KiB")
