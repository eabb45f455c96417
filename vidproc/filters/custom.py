"""A user's own function as a filter.

The function sees plain arrays that are its alone: the frame itself lies in the memory of the result, so drawing in
place costs one copy, and its neighbours are copies, so that what it does to them is not seen by the next frame. What it
raises or returns by mistake becomes a `FilterError` that says where in the user's file, also what would end a program.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidproc.errors import ClientError, FilterError
from vidproc.filters import CUSTOM
from vidproc.filters.contract import Array, Filter, Picture, Window
from vidproc.filters.custom_source import FILENAME
from vidproc.filters.custom_source import read as read_source
from vidproc.filters.decorator import MARK, Declaration
from vidproc.filters.writing import copy


def read(code: str, function: str = "") -> Filter:
    """What a custom filter's text declares, without executing it: a filter that can be asked but not applied.

    Raises `ClientError` with the line for text that is no filter; see `custom_source.read` for how one is found.
    """
    source = read_source(code, function)
    return source.declaration.filter(CUSTOM, source.help, source.defaults, _only_read)


def load(code: str, function: str = "") -> Filter:
    """The filter in a file's text, which is executed.

    Raises `ClientError` as `read` does, and `FilterError` for text that fails when executed.
    """
    source = read_source(code, function)
    module = types.ModuleType("vidproc_custom_" + hashlib.sha256(code.encode()).hexdigest()[:16])
    sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up by its name
    try:
        exec(source.code, module.__dict__)
    except BaseException as error:
        raise FilterError(f"the custom filter's file failed: {_last_line(error, FILENAME)}") from error
    caller = _Caller.of(getattr(module, source.function), source.declaration)
    return source.declaration.filter(CUSTOM, source.help, source.defaults, caller)


def from_function(function: Callable[..., Any]) -> Filter:
    """A function at hand as a filter, decorated or not. Raises `ClientError` if it can't be one."""
    declaration = declaration_of(function)
    help = (inspect.getdoc(function) or "").partition("\n")[0]
    caller = _Caller.of(function, declaration)
    return declaration.filter(CUSTOM, help, _defaults(function, declaration.gets), caller)


def declaration_of(function: Callable[..., Any]) -> Declaration:
    """What a function at hand was decorated with."""
    found: Declaration = getattr(function, MARK, Declaration())
    return found


def _defaults(function: Callable[..., Any], gets: tuple[str, ...]) -> dict[str, object]:
    try:
        signature = inspect.signature(function)
        signature.bind_partial(*gets)
    except (ValueError, TypeError):
        raise ClientError(f"a custom filter must be a function that takes the {' and the '.join(gets)}") from None
    others = list(signature.parameters.values())[len(gets) :]
    needed = [p.name for p in others if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if needed:
        raise ClientError(f"a custom filter's parameters need defaults: {', '.join(needed)}")
    return {p.name: p.default for p in others if p.default is not p.empty}


def _only_read(window: Window, out: Picture, **params: Any) -> Picture:
    raise FilterError("this custom filter was read, not loaded")


@dataclass(frozen=True, slots=True)
class _Caller:
    """Calls a user's function with memory of its own and makes a picture of what comes back."""

    function: Callable[..., Any]
    declared: Declaration
    filename: str

    @classmethod
    def of(cls, function: Callable[..., Any], declared: Declaration) -> _Caller:
        return cls(function, declared, getattr(getattr(function, "__code__", None), "co_filename", FILENAME))

    def __call__(self, window: Window, out: Picture, **params: Any) -> Picture:
        own = self._lent(window, out)
        frames: Any = own if self.declared.window != (0, 0) else own[0]
        given = (frames, params.pop("state")) if self.declared.memory else (frames,)
        try:
            result = self.function(*given, **params)
        except BaseException as error:
            way_out = "; raise the worker's --memory-limit" if isinstance(error, MemoryError) else ""
            raise FilterError(f"the custom filter failed: {_last_line(error, self.filename)}{way_out}") from error
        return _as_picture(result, out)

    def _lent(self, window: Window, out: Picture) -> list[Array | Picture | None]:
        """The frames as the function sees them; none of them in the result's memory if it may keep them."""
        here = -1 if self.declared.memory else -self.declared.window[0]
        return [_lend(picture, out if number == here else None) for number, picture in enumerate(window)]


def _lend(picture: Picture | None, room: Picture | None) -> Array | Picture | None:
    """A copy of a picture, in `room` if given, as users' functions see it: an array, or a `Picture` if it is YUV."""
    if picture is None:
        return None
    if room is None:
        lent = Picture(picture.format, tuple(plane.copy() for plane in picture.planes))
    else:
        lent = room
        copy(picture.planes, room.planes)
    return lent.array if len(lent.planes) == 1 else lent


def _as_picture(result: object, out: Picture) -> Picture:
    """What came back as a picture that shares no memory with anything of the user's but `out`."""
    if isinstance(result, Picture):
        return _checked_planes(result, out)
    if not isinstance(result, np.ndarray) or result.dtype != np.uint8:
        raise _refusal(result, out)
    size = (out.height, out.width)
    if result.shape not in (size, (*size, 3)):
        raise _refusal(result, out)
    format = "gray" if result.ndim == 2 else "bgr24"
    if format != out.format:
        return Picture(format, (np.array(result, order="C"),))
    if result is not out.array:
        np.copyto(out.array, result)
    return out


def _checked_planes(result: Picture, out: Picture) -> Picture:
    shapes = [(plane.shape, plane.dtype) for plane in out.planes]
    if result.format != out.format or [(plane.shape, plane.dtype) for plane in result.planes] != shapes:
        raise FilterError(f"the custom filter returned a {result.format} picture unlike the {out.format} it was given")
    if result is not out:
        copy(result.planes, out.planes)
    return out


def _refusal(result: object, out: Picture) -> FilterError:
    if result is None:
        return FilterError("the custom filter returned None: it must return the frame")
    came = type(result).__name__
    if isinstance(result, np.ndarray):
        came = f"an array of {result.dtype}, {' x '.join(map(str, result.shape)) or 'without size'}"
    wanted = f"an array of uint8, {out.height} x {out.width} x 3 (BGR) or {out.height} x {out.width} (gray)"
    return FilterError(f"the custom filter returned {came}; it must return {wanted}")


def _last_line(error: BaseException, filename: str) -> str:
    """The last line of the traceback, with the line of the user's file that it comes from."""
    said = traceback.format_exception_only(error)[-1].strip()
    lines = [number for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == filename]
    return f"{said} (line {lines[-1]})" if lines else said
