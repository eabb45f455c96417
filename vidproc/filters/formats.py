"""The pixel formats a picture can have, read from FFmpeg's names for them.

`yuv422p10le` says: planar YUV, chroma at half the width, 10 bits in the low bits of a little-endian 16-bit word.
A `yuvj420p` is a `yuv420p` of full range; the name is FFmpeg's old way to say so.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

# How much wider and higher the Y plane is than the chroma planes, by FFmpeg's digits for it.
_SUBSAMPLING = {
    "410": (4, 4),
    "411": (4, 1),
    "420": (2, 2),
    "422": (2, 1),
    "440": (1, 2),
    "444": (1, 1),
}
_NAME = re.compile(r"yuv(?P<j>j?)(?P<digits>\d{3})p(?:(?P<bits>9|10|12|14|16)le)?")


LARGEST_SIDE = 16384
"""Pixels of a picture's width or height that filters make at most."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Planar YUV's shape: chroma is 1/`across` of the width and 1/`down` of the height, rounded up."""

    across: int
    down: int
    bits: int
    full_range: bool

    @property
    def neutral(self) -> int:
        """The chroma code of a colourless picture."""
        return 1 << (self.bits - 1)

    def chroma_shape(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the U and V planes."""
        return -(-height // self.down), -(-width // self.across)


@functools.cache
def yuv_layout(name: str) -> Layout | None:
    """The layout of a planar YUV format, None for any other. `full_range` is true only where the name says so."""
    found = _NAME.fullmatch(name)
    if found is None or found["digits"] not in _SUBSAMPLING:
        return None
    across, down = _SUBSAMPLING[found["digits"]]
    return Layout(across, down, int(found["bits"] or 8), bool(found["j"]))


def code_range(full: bool, bits: int) -> tuple[int, int, int]:
    """(black, luma, chroma): the code of black, and how many codes lie between the extremes of luma and of chroma."""
    if full:
        return 0, (1 << bits) - 1, (1 << bits) - 1
    step = 1 << (bits - 8)
    return 16 * step, 219 * step, 224 * step


def steps_of(name: str) -> tuple[tuple[int, int], ...]:
    """(across, down) of each plane of this format: one sample in how many pixels."""
    layout = yuv_layout(name)
    if layout is None:
        return ((1, 1),)
    return (1, 1), (layout.across, layout.down), (layout.across, layout.down)


def plane_shapes(name: str, height: int, width: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of the planes of a picture of this format. Raises `ValueError` for a format pictures can't have."""
    layout = yuv_layout(name)
    if layout is not None:
        chroma = layout.chroma_shape(height, width)
        return (height, width), chroma, chroma
    if name == "gray":
        return ((height, width),)
    if name == "bgr24":
        return ((height, width, 3),)
    raise ValueError(f"pictures can't have the pixel format {name!r}")


def family(name: str) -> str:
    """What a filter's declaration calls this format: `yuv`, or its own name."""
    return name if yuv_layout(name) is None else "yuv"


def works_on(formats: tuple[str, ...], name: str) -> bool:
    """Whether a filter that declares these formats takes pictures of this one."""
    return family(name) in formats
