"""The filters' parameters as JSON Schemas (draft 2020-12), for programs that make forms or check what they are given.

A schema says what the object of a filter's parameters may be, with values in their own types: that a command line gives
numbers as text is its own affair. A file is its content, in base64.
"""

from __future__ import annotations

from typing import Any

from vidproc.filters.contract import Filter, Param
from vidproc.filters.file_type import FileType
from vidproc.filters.kinds import Kinds

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def schema(found: Filter | Kinds) -> dict[str, Any]:
    """Of a filter, or of one that comes in kinds: then exactly one of `oneOf` fits, and says its `kind`."""
    head = {"$schema": DIALECT, "title": found.name, "description": found.help}
    if isinstance(found, Filter):
        return head | _object(found.params)
    return head | {"type": "object", "oneOf": [_kind(each, found.kind) for each in found.filters]}


def _kind(filter_: Filter, chooser: Param) -> dict[str, Any]:
    """The word that chooses may be left out for the first kind, and for no other."""
    usual = filter_.kind == chooser.default
    shape = _object(filter_.params)
    word = {"description": chooser.help, "const": filter_.kind} | ({"default": filter_.kind} if usual else {})
    shape["properties"] = {"kind": word, **shape["properties"]}
    if not usual:
        shape["required"] = ["kind", *shape.get("required", [])]
    return {"title": filter_.kind, "description": filter_.help} | shape


def _object(params: tuple[Param, ...]) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "type": "object",
        "properties": {param.name: _value(param) for param in params},
        "additionalProperties": False,
    }
    required = [param.name for param in params if param.file is not None]
    return shape | ({"required": required} if required else {})


def _value(param: Param) -> dict[str, Any]:
    if param.file is not None:
        return {"description": param.help, **_content(param.file)}
    limits = {
        "minimum": param.low,
        "maximum": param.high,
        "not": {"multipleOf": 2} if param.odd else None,
        "enum": list(param.choices) or None,
    }
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return {"description": param.help, "type": _TYPES[param.kind], "default": param.default, **given}


def _content(file: FileType) -> dict[str, Any]:
    """JSON Schema takes what it says of content for a remark; the length is checked."""
    media = [{"contentMediaType": each} for each in file.media_types]
    kinds: dict[str, Any] = media[0] if len(media) == 1 else {"anyOf": media}
    return {"type": "string", "contentEncoding": "base64", "minLength": 4, "maxLength": -(-file.most // 3) * 4} | kinds
