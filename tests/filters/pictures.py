"""Pictures to test with: noise, which shows any sample that went astray, and smooth ones, which look like films.

And the built-in filters to try on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidproc import filters
from vidproc.filters.contract import Filter, Picture
from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.filters.kinds import Kinds


def variants(name: str) -> tuple[Filter, ...]:
    """The built-in filter of this name, or one of each of its kinds."""
    found = filters.get(name)
    return found.filters if isinstance(found, Kinds) else (found,)


def bits_of(name: str) -> int:
    layout = yuv_layout(name)
    return layout.bits if layout else 8


def noise(name: str, width: int, height: int, seed: int = 0) -> Picture:
    """Any code of the format's bits, everywhere."""
    rng = np.random.default_rng(seed)
    top, kind = 1 << bits_of(name), np.uint8 if bits_of(name) == 8 else np.uint16
    return Picture(name, tuple(rng.integers(0, top, shape).astype(kind) for shape in plane_shapes(name, height, width)))


def room_like(picture: Picture) -> Picture:
    """Writable memory with gaps between rows, as the encoder's is."""
    return Picture(picture.format, tuple(_with_gaps(plane) for plane in picture.planes))


def _with_gaps(plane: NDArray[Any]) -> NDArray[Any]:
    height, width, *rest = plane.shape
    return np.full((height, width + 7, *rest), 77, plane.dtype)[:, :width]


def smooth_bgr(width: int, height: int) -> NDArray[np.uint8]:
    """Slow waves of colour with a few hard edges."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = [127 + 120 * np.sin(x / 23 + c) * np.cos(y / (17 + 5 * c)) for c in range(3)]
    picture = np.stack(waves, -1).astype(np.uint8)
    picture[height // 4 : height // 2, width // 4 : width // 2] = (30, 200, 90)
    return picture
