"""How people write filters down: `blur:ksize=5,sigma=1.2` as a `FilterSpec`.

Values stay words here. Which of them is a number is for the filter's own declaration to say, where the job is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from vidproc.errors import ClientError
from vidproc.model import FilterSpec, ParamValue


def parse(text: str) -> FilterSpec:
    """`NAME` or `NAME:name=value,name=value`. Raises `ClientError`."""
    name, _, rest = text.partition(":")
    if not name:
        raise ClientError(f"filter {text!r}: write NAME or NAME:name=value,name=value")
    return FilterSpec(name.strip(), parse_params(rest.split(",") if rest else ()))


def parse_params(pairs: Iterable[str]) -> dict[str, ParamValue]:
    """`name=value` pairs. Raises `ClientError` for one that is none."""
    params: dict[str, ParamValue] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name.strip() and equals):
            raise ClientError(f"parameter {pair!r}: write name=value")
        params[name.strip()] = value.strip()
    return params


def from_file(path: Path, function: str = "", params: Mapping[str, ParamValue] | None = None) -> FilterSpec:
    """A custom filter from a Python file. Raises `ClientError` if it cannot be read."""
    try:
        code = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(f"cannot read the filter {path}: {getattr(error, 'strerror', None) or error}") from None
    return FilterSpec("custom", dict(params or {}), code, function)
