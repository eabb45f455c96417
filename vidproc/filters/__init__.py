"""The filters and their registry.

Importing this package loads neither NumPy nor OpenCV, so that a program can list the names in its help at once; the
filters themselves are loaded when asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vidproc.errors import UnknownFilterError

if TYPE_CHECKING:
    from vidproc.filters.contract import Chosen, Filter
    from vidproc.filters.kinds import Kinds
    from vidproc.model import FilterSpec

CUSTOM = "custom"
"""The name under which a job carries a user's own filter, whose text it brings along."""

_WHERE = {
    "adjust": "vidproc.filters.adjust",
    "blur": "vidproc.filters.blur",
    "crop": "vidproc.filters.crop",
    "deinterlace": "vidproc.filters.deinterlace",
    "denoise": "vidproc.filters.denoise",
    "edges": "vidproc.filters.edges",
    "equalize": "vidproc.filters.equalize",
    "faces": "vidproc.filters.faces",
    "flip": "vidproc.filters.flip",
    "grayscale": "vidproc.filters.grayscale",
    "invert": "vidproc.filters.invert",
    "lut": "vidproc.filters.lut",
    "motion": "vidproc.filters.motion",
    "overlay": "vidproc.filters.overlay",
    "resize": "vidproc.filters.resize",
    "rotate": "vidproc.filters.rotate",
    "sharpen": "vidproc.filters.sharpen",
    "text": "vidproc.filters.text",
    "threshold": "vidproc.filters.threshold",
}
# Each module calls its filter, or the kinds of it, FILTER.


def names() -> tuple[str, ...]:
    """The built-in filters' names, sorted. `CUSTOM` is not among them."""
    return tuple(sorted(_WHERE))


def get(name: str) -> Filter | Kinds:
    """The built-in filter of this name, or its kinds. Raises `UnknownFilterError`, which lists what there is."""
    if name not in _WHERE:
        raise UnknownFilterError(_unknown(name))
    found: Filter | Kinds = importlib.import_module(_WHERE[name]).FILTER
    return found


def find(spec: FilterSpec) -> Chosen:
    """The filter a job asks for, with its checked parameters. Raises `ClientError` or one of its kinds.

    A custom filter's text is executed, so only a slot may call this on a job's own.
    """
    if spec.name != CUSTOM:
        return get(spec.name).choose(spec.params)
    from vidproc.filters.custom import load

    return load(spec.code, spec.function).choose(spec.params)


def declaration(spec: FilterSpec) -> Chosen:
    """The same as far as it can be known without executing a custom filter's text, which is only read."""
    if spec.name != CUSTOM:
        return get(spec.name).choose(spec.params)
    from vidproc.filters.custom import read

    return read(spec.code, spec.function).choose(spec.params)


def describe(name: str) -> str:
    """A built-in filter and its parameters in a few lines of plain text. Raises `UnknownFilterError`."""
    from vidproc.filters.reference import describe as in_text

    return in_text(get(name))


def schema(name: str) -> dict[str, Any]:
    """A JSON Schema of a built-in filter's parameters. Raises `UnknownFilterError`."""
    from vidproc.filters.json_schema import schema as of

    return of(get(name))


def _unknown(name: str) -> str:
    from vidproc.filters.contract import suggest

    known = (*names(), CUSTOM)
    return f"there is no filter {name!r}: the filters are {', '.join(known)}{suggest(name, known)}"
