"""How people write filters down: `blur:ksize=5,sigma=1.2` as a `FilterSpec`.

Values stay words here. Which of them is a number is for the filter's own declaration to say, where the job is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vidproc.errors import ClientError
from vidproc.model import MOST_FILTERS, FilterSpec, ParamValue

_WITH_COMMAS = "--processing NAME --param name=value"

_MOST_CODE = 240 * 1024
"""Bytes: a job goes in one message, whose header takes 256 KiB."""


def parse(text: str) -> FilterSpec:
    """`NAME` or `NAME:name=value,name=value`. Raises `ClientError`."""
    name, colon, rest = text.partition(":")
    if not name.strip() or (colon and not rest.strip()):
        raise ClientError(f"filter {text!r}: write NAME or NAME:name=value,name=value")
    return FilterSpec(name.strip(), parse_params(rest.split(",") if rest else ()))


def parse_params(pairs: Iterable[str]) -> dict[str, ParamValue]:
    """`name=value` pairs. Raises `ClientError` for one that is none, and for a name that comes twice."""
    params: dict[str, ParamValue] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals):
            raise ClientError(f"parameter {pair!r}: write name=value (for a value with a comma: {_WITH_COMMAS})")
        if name in params:
            raise ClientError(f"parameter {name!r} is given twice, as {params[name]!r} and as {value!r}")
        params[name] = value
    return params


def from_file(path: Path, function: str = "", params: Mapping[str, ParamValue] | None = None) -> FilterSpec:
    """A custom filter from a Python file. Raises `ClientError` if it cannot be read."""
    try:
        code = path.read_text(encoding="utf-8")
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
