"""Brightness, contrast, gamma and saturation, with the meaning and the ranges that FFmpeg's `eq` gives them.

Contrast turns about middle gray, then brightness is added, then comes gamma; all on Y alone, and saturation on chroma
alone. Unlike `eq`, black is the film's own black: limited range stays within its limits.
"""

from __future__ import annotations

import functools

import numpy as np

from vidproc.filters.contract import Array, Filter, Param, Picture
from vidproc.filters.levels import Brightness, bits_of, chroma_table, look_up, luma_table


@functools.lru_cache(maxsize=16)
def _luma(brightness: float, contrast: float, gamma: float, full: bool, bits: int) -> Array:
    def curve(value: Brightness) -> Brightness:
        level: Brightness = np.clip((value - 0.5) * contrast + 0.5 + brightness, 0, 1) ** (1 / gamma)
        return level

    return luma_table(curve, full, bits)


_chroma = functools.lru_cache(maxsize=16)(chroma_table)


def adjust(
    window: tuple[Picture],
    out: Picture,
    *,
    brightness: float,
    contrast: float,
    gamma: float,
    saturation: float,
    full_range: bool,
) -> Picture:
    """The picture with other levels, in `out`. What is not adjusted stays as it is, beyond black and white too."""
    (picture,) = window
    bits = bits_of(picture)
    luma = _luma(brightness, contrast, gamma, full_range, bits) if (brightness, contrast, gamma) != (0, 1, 1) else None
    chroma = _chroma(saturation, bits) if saturation != 1 else None
    for source, codes, target in zip(picture.planes, (luma, chroma, chroma), out.planes, strict=False):
        if codes is None:
            np.copyto(target, source)
        else:
            look_up(source, codes, target)
    return out


FILTER = Filter(
    name="adjust",
    help="Change brightness, contrast, gamma and saturation.",
    formats=("yuv", "gray"),
    apply=adjust,
    params=(
        Param("brightness", 0.0, "what is added, where white is 1", low=-1, high=1),
        Param("contrast", 1.0, "by how much levels are stretched about middle gray", low=0, high=100),
        Param("gamma", 1.0, "above 1 brightens the dark and middle tones, below darkens", low=0.1, high=10),
        Param("saturation", 1.0, "strength of the colours; 0 leaves none", low=0, high=10),
    ),
    wants=("full_range",),
)
