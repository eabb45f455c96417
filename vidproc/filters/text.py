"""Words on the picture, such as the number of the frame.

White letters in a black outline, so that they can be read on anything, in OpenCV's Hershey font; on YUV they are drawn
in Y, and the chroma beneath them is made neutral. The letters are drawn once as two masks, of how much of each pixel is
ink and how much of that is white, and laid over the planes of any format and depth.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

import cv2
import numpy as np

from vidproc.errors import BadParameterError
from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.formats import code_range, steps_of, yuv_layout
from vidproc.filters.placement import PLACES, corner
from vidproc.filters.subsampling import averaged
from vidproc.filters.writing import copy

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FRAME, _TIME = "{frame}", "{time}"
_PLACEHOLDER = re.compile(r"\{\w*\}")
_LONGEST = 200
_LEAST_HEIGHT = 8


def _check(*, text: str, position: str, size: int) -> None:
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        raise BadParameterError(
            f"text must be at most {_LONGEST} printable ASCII characters, which is all the font has"
        )
    for found in _PLACEHOLDER.findall(text):
        if found not in (_FRAME, _TIME):
            raise BadParameterError(f"text must have no placeholder but {_FRAME} and {_TIME}, not {found}")


def _wants(*, text: str, position: str, size: int) -> tuple[str, ...]:
    return ("rank", "full_range", "time") if _TIME in text else ("rank", "full_range")


@functools.lru_cache(maxsize=8)
def _masks(label: str, size: int) -> tuple[Array, Array]:
    """How much of each pixel is letter or outline, and how much is letter; 0 to 255. `size` is a capital's height."""
    stroke = max(1, round(size / 10))
    outline = stroke + 2 * max(1, round(size / 14))
    scale = cv2.getFontScaleFromHeight(_FONT, size, stroke)
    (width, height), below = cv2.getTextSize(label, _FONT, scale, outline)
    room, origin = (height + below + 2 * outline, width + 2 * outline), (outline, outline + height)
    return _letters(room, label, origin, scale, outline), _letters(room, label, origin, scale, stroke)


def _letters(room: tuple[int, int], label: str, origin: tuple[int, int], scale: float, thickness: int) -> Array:
    return cv2.putText(np.zeros(room, np.uint8), label, origin, _FONT, scale, (255,), thickness, cv2.LINE_AA)


def _corner(picture: Picture, room: tuple[int, ...], position: str, margin: int) -> tuple[int, int]:
    """(x, y) of the label's top left, on a sample of chroma. What doesn't fit in hangs over on the right and below."""
    across, down = steps_of(picture.format)[-1]
    x, y = corner(position, (picture.width, picture.height), (room[1], room[0]), margin)
    return max(x, 0) // across * across, max(y, 0) // down * down


def _lay(plane: Array, at: tuple[int, int], mask: Array, code: int) -> None:
    """Mix the code into the plane, as far as the mask says."""
    x, y = at
    under = plane[y : y + mask.shape[0], x : x + mask.shape[1]]
    share = mask[: under.shape[0], : under.shape[1]].astype(np.uint32)
    if under.ndim == 3:
        share = share[..., None]
    under[:] = (under * (255 - share) + code * share + 127) // 255


def _write(picture: Picture, ink: Array, white: Array, at: tuple[int, int], full: bool) -> None:
    layout = yuv_layout(picture.format)
    black, luma, _ = code_range(full, layout.bits if layout else 8)
    _lay(picture.planes[0], at, ink, black)
    _lay(picture.planes[0], at, white, black + luma)
    for plane, step in zip(picture.planes[1:], steps_of(picture.format)[1:], strict=True):
        assert layout is not None
        _lay(plane, (at[0] // step[0], at[1] // step[1]), averaged(ink, step, cv2.BORDER_CONSTANT), layout.neutral)


def _clock(time: Fraction) -> str:
    """hh:mm:ss.mmm, the nearest."""
    seconds, thousandths = divmod(round(time * 1000), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"


def text(
    window: tuple[Picture],
    out: Picture,
    *,
    text: str,
    position: str,
    size: int,
    rank: int,
    full_range: bool,
    time: Fraction = Fraction(0),
) -> Picture:
    """The picture with the words on it, in `out`."""
    (picture,) = window
    copy(picture.planes, out.planes)
    height = size or max(_LEAST_HEIGHT, picture.height // 30)
    ink, white = _masks(text.replace(_FRAME, str(rank)).replace(_TIME, _clock(time)), height)
    _write(out, ink, white, _corner(picture, ink.shape, position, height // 2), full_range)
    return out


FILTER = Filter(
    name="text",
    help="Write words on the picture, white in a black outline.",
    formats=("yuv", "gray", "bgr24"),
    apply=text,
    params=(
        Param("text", _FRAME, f"what to write; {_FRAME} becomes the number of the frame, from 0, {_TIME} its time"),
        Param("position", "bottom-left", "where", choices=tuple(PLACES)),
        Param("size", 0, "height of a capital in pixels; 0: a thirtieth of the picture's", low=0, high=1000),
    ),
    check=_check,
    wants=_wants,
)
