"""Reading a custom filter's text without executing it.

The coordinator must know a filter's window and parameters before a slot runs the text, and must not run it itself: so
the declaration is taken from the syntax tree. It follows that what `@filter(...)` is given, and the defaults that are
to be parameters, are written out as literals.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from types import CodeType
from typing import Any

from vidproc.errors import ClientError
from vidproc.filters.contract import suggest
from vidproc.filters.decorator import Declaration, declare

FILENAME = "<custom filter>"

_SAID = tuple(signature(declare).parameters)
_LISTED = f"{', '.join(_SAID[:-1])} and {_SAID[-1]}"


@dataclass(frozen=True, slots=True)
class Source:
    """A custom filter's text, read: the code to execute, the function's name in it, and what is declared of it."""

    code: CodeType
    function: str
    help: str
    defaults: dict[str, object]
    declaration: Declaration


def read(text: str, function: str = "") -> Source:
    """Find the filter in a file's text: the function of that name, else the decorated one, else the only public one.

    Raises `ClientError`, with the line, for text that does not compile, a choice that isn't clear, a function that
    can't be called with a frame alone, or a declaration that is no literal.
    """
    tree, code = _compile(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = _Names.of(tree)
    decorated = [name for name, node in functions.items() if _decorator(node, names) is not None]
    chosen = functions[_choose(function, list(functions), decorated)]
    declaration = _declaration(_decorator(chosen, names))
    return Source(
        code=code,
        function=chosen.name,
        help=(ast.get_docstring(chosen) or "").partition("\n")[0],
        defaults=_defaults(chosen, declaration.gets),
        declaration=declaration,
    )


def _compile(text: str) -> tuple[ast.Module, CodeType]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, FILENAME)
            return tree, compile(tree, FILENAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ClientError(f"the custom filter does not compile: line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ClientError(f"the custom filter does not compile: {error}") from None


def _choose(asked: str, defined: list[str], decorated: list[str]) -> str:
    if asked:
        if asked not in defined:
            there = "it defines " + ", ".join(defined) if defined else "it defines none"
            raise ClientError(f"the custom filter's file has no function {asked!r}: {there}{suggest(asked, defined)}")
        return asked
    candidates = decorated or [name for name in defined if not name.startswith("_")]
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise ClientError("the custom filter's file defines no function")
    kind = "decorated functions" if decorated else "functions"
    raise ClientError(
        f"the custom filter's file defines several {kind}: say which of {', '.join(candidates)} to use, "
        f"as in FILE.py:function={candidates[0]}"
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """What this file calls the package, and the decorator."""

    package: frozenset[str]
    decorator: frozenset[str]

    @classmethod
    def of(cls, tree: ast.Module) -> _Names:
        return cls(frozenset(_package_names(tree)), frozenset(_decorator_names(tree)))


def _package_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.asname or "vidproc" for a in node.names if a.name.partition(".")[0] == "vidproc")


def _decorator_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "vidproc":
            yield from (alias.asname or alias.name for alias in node.names if alias.name == "filter")


def _decorator(node: ast.FunctionDef, names: _Names) -> ast.expr | None:
    return next((each for each in node.decorator_list if _is_ours(each, names)), None)


def _is_ours(node: ast.expr, names: _Names) -> bool:
    named = node.func if isinstance(node, ast.Call) else node
    if isinstance(named, ast.Name):
        return named.id in names.decorator
    if not isinstance(named, ast.Attribute) or named.attr != "filter":
        return False
    root: ast.expr = named
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in names.package


def _declaration(decorator: ast.expr | None) -> Declaration:
    if not isinstance(decorator, ast.Call):
        return Declaration()
    said: dict[str, Any] = {}
    for keyword in decorator.keywords:
        if keyword.arg not in _SAID:
            raise ClientError(f"line {keyword.value.lineno}: @filter takes {_LISTED} only")
        said[keyword.arg] = _literal(keyword.value, f"@filter's {keyword.arg}")
    if decorator.args:
        raise ClientError(f"line {decorator.lineno}: @filter takes {_LISTED} by name only")
    try:
        return declare(**said)
    except ClientError as error:
        raise ClientError(f"line {decorator.lineno}: {error}") from None


def _literal(node: ast.expr, what: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        message = f"line {node.lineno}: {what} must be written out, as it is read without running the file"
        raise ClientError(message) from None


def _defaults(node: ast.FunctionDef, gets: tuple[str, ...]) -> dict[str, object]:
    """The literal defaults of the parameters behind those that every call gives, the frame and perhaps a state."""
    positional = [*node.args.posonlyargs, *node.args.args]
    required = len(positional) - len(node.args.defaults)
    missing = [a.arg for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is None]
    missing += [a.arg for a in positional[len(gets) : required]]
    if len(positional) < len(gets) and node.args.vararg is None:
        raise ClientError(f"line {node.lineno}: {node.name} must take the {' and the '.join(gets)}")
    if missing or len(node.args.posonlyargs) > len(gets):
        needs = ", ".join(missing or [a.arg for a in node.args.posonlyargs[len(gets) :]])
        raise ClientError(f"line {node.lineno}: {node.name}'s parameters need names and defaults: {needs}")
    pairs = [
        *zip(positional[required:], node.args.defaults, strict=True),
        *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
    ]
    given = positional[: len(gets)]
    return {a.arg: value for a, d in pairs if a not in given and (value := _plain(d)) is not None}


def _plain(node: ast.expr | None) -> object:
    try:
        return ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
