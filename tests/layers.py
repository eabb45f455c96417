"""The rules on who may import what, and the reader that finds a breach.

`ROOMS` is the table of docs/design.md as data: for each room (a folder of vidproc, or a module beside them) the rooms
that it may import. Everything a module imports counts, also inside a function or under `TYPE_CHECKING`: the rule is
about what one must know to read the code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

GROUND = frozenset(
    {"_version", "errors", "model", "status", "metrics", "config", "cgroups", "cores", "quantities", "reach", "scratch"}
)
ASYNC = frozenset({"tasks"})  # ground for those who have an event loop
LAYER_1 = frozenset({"filters", "protocol"})
LAYER_3 = frozenset({"processes", "transport", "media", "storage"})
BELOW_4 = GROUND | ASYNC | LAYER_1 | frozenset({"pipelines", "scheduling"}) | LAYER_3
BELOW_5 = BELOW_4 | frozenset({"coordinator", "worker", "client"})
ANYTHING = BELOW_5 | frozenset({"checks", "functions", "local", "front", "web", "cli", "__init__"})

ROOMS: dict[str, frozenset[str]] = {
    "_version": frozenset(),
    "errors": frozenset(),
    "model": frozenset(),
    "metrics": frozenset({"errors", "model"}),
    "cgroups": frozenset(),
    "cores": frozenset({"cgroups"}),
    "quantities": frozenset(),
    "reach": frozenset(),
    "scratch": frozenset(),
    "status": frozenset({"model"}),
    "tasks": frozenset({"errors"}),
    "config": frozenset({"errors", "model", "cores", "quantities"}),
    "filters": GROUND,
    "protocol": GROUND,
    "pipelines": GROUND | {"filters"},
    "scheduling": GROUND,
    "processes": GROUND | ASYNC | LAYER_1,
    "transport": GROUND | ASYNC | LAYER_1,
    "storage": GROUND | LAYER_1,
    "media": GROUND | LAYER_1 | {"pipelines"},
    "coordinator": BELOW_4,
    "worker": BELOW_4,
    "client": GROUND | ASYNC | LAYER_1 | {"transport"},
    "checks": BELOW_5,
    "web": BELOW_4 | {"coordinator", "client"},
    "functions": BELOW_5,
    "local": BELOW_5 | {"functions"},
    "front": BELOW_5 | {"functions", "local"},
    "cli": ANYTHING,
    "__init__": ANYTHING,
    "__main__": ANYTHING,
}

PURE = frozenset({"protocol", "scheduling", "filters", "pipelines"})
IMPURE_MODULES = frozenset({"asyncio", "socket", "time", "random", "os", "av"})

OUTSIDE: dict[str, frozenset[str]] = {
    "filters": frozenset({"cv2", "numpy"}),
    "pipelines": frozenset({"numpy"}),
    "protocol": frozenset({"msgpack", "msgspec"}),
    "scheduling": frozenset(),
    "model": frozenset({"msgspec"}),
    "reach": frozenset({"msgspec"}),
    "status": frozenset({"msgspec"}),
    "errors": frozenset(),
}
"""The packages that are not Python's own which a room may import; a room that isn't named is free to choose."""

ONLY_IN: dict[str, frozenset[str]] = {
    "av": frozenset({"media"}),
    "sqlite3": frozenset({"storage"}),
    "sqlalchemy": frozenset({"storage"}),
    "cloudpickle": frozenset({"functions"}),
}

UNSAFE_MODULES = frozenset({"pickle", "_pickle", "dill", "marshal", "shelve"})
UNSAFE_CALLS = frozenset({"os.system", "os.popen", "eval"})
LIBRARY_NAMES = sys.stdlib_module_names - {"chunk"}  # our noun; the library's, for IFF files, went in Python 3.13
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"})


def breaches(package: Path) -> list[str]:
    """Each breach of a rule in the package at this path, as `file:line: what`."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        found += [f"{inside}: {text}" for text in name_breaches(inside)]
        found += [f"{inside}:{line}: {text}" for line, text in source_breaches(room_of(inside), path.read_text())]
    return found


def room_of(path: Path) -> str:
    """The room that a module lies in: its first folder, or itself when it lies at the top."""
    return path.parts[0].removesuffix(".py")


def name_breaches(path: Path) -> Iterator[str]:
    for part in (part.removesuffix(".py") for part in path.parts):
        if part.startswith("__"):
            continue
        if part in VAGUE_NAMES:
            yield f"the name {part} says nothing"
        if part in LIBRARY_NAMES:
            yield f"{part} is the name of a module of the standard library"


def source_breaches(room: str, source: str) -> Iterator[tuple[int, str]]:
    """Breaches in the text of one module of `room`, with their lines."""
    if room not in ROOMS:
        yield 1, f"{room} is no room: add it to the table"
        return
    for node in ast.walk(ast.parse(source)):
        for module in _imports(node):
            yield from ((node.lineno, text) for text in _import_breaches(room, module))  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            yield from ((node.lineno, text) for text in _call_breaches(node))


def _imports(node: ast.AST) -> Iterator[str]:
    """The modules that a statement imports. `from a import b` counts as `a.b`: b may be a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        prefix = "." * node.level + (node.module or "")
        yield from (f"{prefix}.{alias.name}" for alias in node.names)


def _import_breaches(room: str, module: str) -> Iterator[str]:
    top, _, rest = module.partition(".")
    if not top:
        yield f"relative import of {module}"
    elif top == "vidproc":
        yield from _inner_breaches(room, rest)
    else:
        yield from _outer_breaches(room, top)


def _inner_breaches(room: str, inside: str) -> Iterator[str]:
    target = inside.partition(".")[0]
    if target not in ROOMS:  # a name that vidproc/__init__.py gives
        target = "__init__"
    if target not in ROOMS[room] | {room}:
        yield f"{room} may not import {target}"


def _outer_breaches(room: str, top: str) -> Iterator[str]:
    if room in PURE and top in IMPURE_MODULES:
        yield f"{room} is pure and may not import {top}"
    if top not in sys.stdlib_module_names and top not in OUTSIDE.get(room, {top}):
        yield f"{room} may not import {top}"
    if room not in ONLY_IN.get(top, {room}):
        yield f"{top} belongs to {', '.join(sorted(ONLY_IN[top]))}"
    if top in UNSAFE_MODULES:
        yield f"{top} runs what it reads"


def _call_breaches(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    if name in UNSAFE_CALLS:
        yield f"call of {name}"
    for keyword in call.keywords:
        if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
            yield f"{name} is given a shell"
