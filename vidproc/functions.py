"""A Python function as a filter that travels as text.

A function that can be imported travels as the line that imports it, and any other (a lambda, one typed in a notebook)
as text that holds its cloudpickle. Either is for the children of this very process: they have its modules and its
trust. What goes to other hosts is the text of a file.
"""

from __future__ import annotations

import base64
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle

from vidproc.client import specs
from vidproc.errors import ClientError
from vidproc.model import FilterSpec, ParamValue

FilterLike = str | FilterSpec | Path | Callable[..., Any]
"""`"blur:ksize=5"`, a `FilterSpec`, the path of a filter's file, or a function from frame to frame."""


def as_spec(it: FilterLike, *, local: bool) -> FilterSpec:
    """The spec of anything that names a filter. Raises `ClientError`."""
    if isinstance(it, FilterSpec):
        return it
    if isinstance(it, Path):
        return specs.from_file(it)
    if isinstance(it, str):
        return specs.parse(it)
    if callable(it):
        return from_function(it) if local else from_source(it)
    raise ClientError(f"{it!r} is no filter: give its name, a function, or the path of its file")


def from_function(function: Callable[..., Any], params: Mapping[str, ParamValue] | None = None) -> FilterSpec:
    """For this process's own children: the function by import where that finds it again, else pickled into text."""
    name = getattr(function, "__name__", "filter")
    code = f"from {function.__module__} import {name}\n" if _importable(function) else _pickled(function)
    return FilterSpec("custom", dict(params or {}), code, name if _importable(function) else "function")


def from_source(function: Callable[..., Any]) -> FilterSpec:
    """For daemons elsewhere: the whole file that the function is defined in, which they run with `--allow-custom`."""
    if not _importable(function) and function.__module__ != "__main__":
        raise ClientError("only a function at the top level of a file can go to other hosts")
    try:
        path = Path(inspect.getsourcefile(function) or "")
    except TypeError:
        raise ClientError("only a Python function at the top level of a file can go to other hosts") from None
    return specs.from_file(path, function.__name__)


def _importable(function: Callable[..., Any]) -> bool:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not module or module == "__main__" or not name.isidentifier():
        return False
    return getattr(importlib.import_module(module), name, None) is function


def _pickled(function: Callable[..., Any]) -> str:
    text = base64.b64encode(cloudpickle.dumps(function)).decode()
    return f"import base64\nimport cloudpickle\n\nfunction = cloudpickle.loads(base64.b64decode({text!r}))\n"
