"""What a filter is: a pure function on pictures and a declaration of what it needs.

The declaration is all that the planner, the command line's help, the checks of parameters and the documentation know
of a filter. The filter itself sees arrays and parameters, never a file, a clock or its place in a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidproc.errors import BadParameterError
from vidproc.model import ParamValue

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame's pixels. `format` is FFmpeg's name for them.

    Planar YUV (`yuv420p`, `yuvj420p`, `yuv422p10le` ...): planes (Y, U, V), each height x width of its own, uint8, or
    uint16 with the low bits used. `gray`: one plane, uint8, always full range. `bgr24`: one array, height x width x 3,
    uint8. Planes may be views with a stride; a filter must not write into the planes of its input.
    """

    format: str
    planes: tuple[Array, ...]

    @property
    def array(self) -> Array:
        """The only plane of a gray or BGR picture."""
        (plane,) = self.planes
        return plane


@dataclass(frozen=True, slots=True)
class Param:
    """One typed parameter. `low` and `high` are inclusive; `odd` wants an odd number; `choices` a word from a list."""

    name: str
    default: ParamValue
    help: str
    low: float | None = None
    high: float | None = None
    odd: bool = False
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> type:
        return type(self.default)

    def check(self, value: ParamValue) -> ParamValue:
        """The value as this parameter's type. Raises `BadParameterError` naming parameter, value and range."""
        raise NotImplementedError


Apply = Callable[..., Any]
"""`apply(window, out, **params)`: see `Filter`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter's declaration and function.

    formats: what it works on, best first: `"yuv"` stands for any planar YUV of 8 to 16 bits, else `"gray"`, `"bgr24"`.
    window: offsets (before, after) of the neighbours it sees, before <= 0 <= after.
    apply: `apply(window, out, **params) -> Picture`. `window` is a tuple of Pictures, one an offset from before to
        after, `None` where the film (or its continuity segment) has no such frame. `out` is a Picture of the same
        format and size with memory that may be written into and returned, which saves a copy; a filter may ignore it
        and return a picture of its own, of the same size and of any format named in `formats`.
    """

    name: str
    help: str
    formats: tuple[str, ...]
    apply: Apply
    params: tuple[Param, ...] = ()
    window: tuple[int, int] = (0, 0)

    def resolve(self, given: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Defaults overlaid with the given values, each checked. Raises `BadParameterError`."""
        raise NotImplementedError


__all__ = ["Apply", "Array", "BadParameterError", "Filter", "Param", "Picture", "Sequence", "np"]
