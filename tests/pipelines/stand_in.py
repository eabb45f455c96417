"""Parts for tests of chains: a converter of a few lines, filters with windows, and films of few pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tests.filters.pictures import noise
from vidproc.filters.contract import Array, Filter, Picture, Shape
from vidproc.filters.formats import plane_shapes, yuv_layout
from vidproc.filters.memory import Look, Reset
from vidproc.filters.writing import copy

Frames = Iterator[tuple[int, Picture]]
ANY = ("yuv", "gray", "bgr24")


class PlainConverter:
    """Colour is dropped or made neutral; levels stay what they are, and are limited in YUV. Counts what it is asked
    for."""

    def __init__(self) -> None:
        self.conversions: list[tuple[str, str]] = []

    def convert(self, picture: Picture, to: str, out: Picture | None = None) -> Picture:
        self.conversions.append((picture.format, to))
        made = out or self.allocate(to, picture.width, picture.height)
        level = picture.planes[0] if picture.planes[0].ndim == 2 else picture.planes[0][..., 1]
        for plane in made.planes:
            plane[:] = 128
        made.planes[0][:] = level if made.planes[0].ndim == 2 else level[..., None]
        return made

    def allocate(self, format: str, width: int, height: int) -> Picture:
        layout = yuv_layout(format)
        kind = np.uint16 if layout and layout.bits > 8 else np.uint8
        return Picture(format, tuple(np.full(shape, 99, kind) for shape in plane_shapes(format, height, width)))

    def resize(self, picture: Picture, width: int, height: int) -> Picture:
        """The nearest of its samples."""
        if (picture.width, picture.height) == (width, height):
            return picture
        made = self.allocate(picture.format, width, height)
        for source, target in zip(picture.planes, made.planes, strict=True):
            down, across = (np.arange(new) * old // new for old, new in zip(source.shape, target.shape, strict=False))
            target[:] = source[down][:, across]
        return made

    def is_full(self, format: str) -> bool:
        return yuv_layout(format) is None

    def from_bgr(self, format: str) -> tuple[tuple[float, ...], ...]:
        """Green alone, since that is what `convert` takes for the level."""
        return ((0.0, 1.0, 0.0, 0.0),) * (1 if format == "gray" else 3)


def weighted(before: int, after: int, formats: tuple[str, ...] = ANY) -> Filter:
    """A filter whose result depends on each frame of its window by its place, and on which frames there are."""

    def apply(window: tuple[Picture | None, ...], out: Picture, **params: Any) -> Picture:
        for index, plane in enumerate(out.planes):
            plane[:] = 3
            for place, picture in enumerate(window, 1):
                plane += plane.dtype.type(place) * (picture.planes[index] if picture else plane.dtype.type(31))
        return out

    return Filter(f"weighted{before}{after:+}", "For tests.", formats, apply, (), (before, after))


def summing(every: int, before: int = 0, after: int = 0, formats: tuple[str, ...] = ANY) -> Filter:
    """A filter that adds up all that its windows have shown since its state began."""

    def apply(window: tuple[Picture | None, ...], out: Picture, state: list[Array]) -> Picture:
        for picture in filter(None, window):
            sums = state or [plane * 0 for plane in picture.planes]
            state[:] = [one + other for one, other in zip(sums, picture.planes, strict=True)]
        copy(state, out.planes)
        return out

    memory = Reset(lambda: [], every)
    return Filter(f"summing{every}", "For tests.", formats, apply, window=(before, after), memory=memory)


def looking(every: int, before: int, after: int, formats: tuple[str, ...] = ANY) -> Filter:
    """A filter that adds what was seen around, each by how far away it was."""

    def apply(window: tuple[Picture, ...], out: Picture, seen: dict[int, int], rank: int) -> Picture:
        copy(window[0].planes, out.planes)
        for at, level in seen.items():
            out.planes[0][:] += out.planes[0].dtype.type(level * (at - rank + 7) % 251)
        return out

    memory = Look(lambda picture: int(picture.planes[0].sum()) % 251, every, (before, after))
    return Filter(f"looking{every}", "For tests.", formats, apply, wants=("rank",), memory=memory)


def passing(formats: tuple[str, ...] = ANY) -> Filter:
    """Gives back its input."""
    return Filter("passing", "For tests.", formats, lambda window, out: window[0])


def colouring() -> Filter:
    """Gives BGR for gray: the level in blue, nothing in green and red."""

    def apply(window: tuple[Picture, ...], out: Picture) -> Picture:
        out.array[:] = 0
        out.array[..., 0] = window[0].array
        return out

    return Filter("colouring", "For tests.", ("gray",), apply, gives="bgr24")


def turning(formats: tuple[str, ...] = ANY) -> Filter:
    """A quarter turn, mirrored, to which it adds the frame's number; its results have another shape."""

    def apply(window: tuple[Picture], out: Picture, rank: int) -> Picture:
        for source, target in zip(window[0].planes, out.planes, strict=True):
            target[:] = source.swapaxes(0, 1) + target.dtype.type(rank)
        return out

    return Filter(
        "turning", "For tests.", formats, apply, reshape=lambda shape: Shape(shape.height, shape.width), wants=("rank",)
    )


def film(length: int, name: str = "yuv420p") -> list[Picture]:
    return [noise(name, 6, 5, seed) for seed in range(length)]


def decoded(frames: list[Picture], first: int, last: int) -> Frames:
    """The frames of ranks [first, last) that there are."""
    for rank in range(max(first, 0), min(last, len(frames))):
        yield rank, frames[rank]


def same(some: Iterable[tuple[int, Picture]], others: Iterable[tuple[int, Picture]]) -> bool:
    one, two = list(some), list(others)
    return [rank for rank, _ in one] == [rank for rank, _ in two] and all(
        a.format == b.format and all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))
        for (_, a), (_, b) in zip(one, two, strict=True)
    )
