"""A Python function as a filter that travels as text.

To this process's own children any function can go, a lambda or one typed in a notebook too: it is pickled into a file,
and the text says where that lies. They have this process's modules and its trust. What goes to other hosts is the text
of the file that the function is written in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from vidproc.client import specs
from vidproc.errors import ClientError
from vidproc.model import FilterSpec

if TYPE_CHECKING:
    from vidproc.filters.decorator import Declaration

FilterLike = str | FilterSpec | Path | Callable[..., Any]
"""`"blur:ksize=5"`, the path or the text of a filter's file, `"FILE.py:function=f"` where that holds several, a
`FilterSpec`, or a function from frame to frame."""

_TEXT = """\
from pathlib import Path

import cloudpickle

import vidproc


@vidproc.filter({declaration})
def function({gets}):
    '''What can be read without being run. The function itself takes its place.'''


function = cloudpickle.loads(Path({path!r}).read_bytes())
"""


def as_spec(it: FilterLike, pickles: Path | None) -> FilterSpec:
    """The spec of anything that names a filter. Raises `ClientError`.

    pickles: a folder for functions that go to this process's own children, which must last as long as they are to run;
        None for those that go to other hosts.
    """
    if isinstance(it, FilterSpec):
        return it
    if isinstance(it, Path):
        return specs.from_file(it)
    if isinstance(it, str):
        return _from_words(it)
    if callable(it):
        return from_source(it) if pickles is None else from_function(it, pickles)
    raise ClientError(f"{it!r} is no filter: give its name, a function, or the path of its file")


def _from_words(words: str) -> FilterSpec:
    """A filter's name with its parameters, the text of a function, or the path of its file."""
    if "\n" in words or words.lstrip().startswith(("def ", "@", "import ", "from ")):
        return FilterSpec("custom", code=words)
    if words.endswith(".py"):
        return specs.from_file(Path(words))
    return specs.with_file(specs.parse(words))


def from_function(function: Callable[..., Any], pickles: Path) -> FilterSpec:
    """For this process's own children: any function that can be pickled. Raises `ClientError`."""
    from vidproc.filters import custom

    custom.from_function(function)  # refuses what can't be a filter
    path = pickles / f"{len(list(pickles.iterdir()))}.pickle"
    try:
        path.write_bytes(cloudpickle.dumps(function))
    except Exception as error:  # whatever the __reduce__ of an object it refers to may raise
        raise ClientError(f"the function cannot go to the processes that would run it: {error}") from error
    code = _TEXT.format(path=str(path), **_said(custom.declaration_of(function)))
    return FilterSpec("custom", code=code, function="function")


def _said(declared: Declaration) -> dict[str, str]:
    """A declaration and what its function takes, in Python; without limits of parameters, since it is given none."""
    said = (each.name for each in fields(declared) if each.name != "params")
    written = ", ".join(f"{name}={getattr(declared, name)!r}" for name in said)
    return {"declaration": written, "gets": ", ".join(declared.gets)}


def from_source(function: Callable[..., Any]) -> FilterSpec:
    """For daemons elsewhere: the whole file that the function is written in, which they run with `--allow-custom`."""
    name = getattr(function, "__qualname__", "")
    try:
        path = Path(inspect.getsourcefile(function) or "")
    except TypeError:
        path = Path()
    if not (name.isidentifier() and path.is_file()):
        raise ClientError("only a function at the top level of a file can go to other hosts: its file goes")
    return specs.from_file(path, name)
