"""Pictures as people look at them: upright, with square pixels, as a JPEG or a moving GIF."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2

from vidproc.filters.contract import Array, Picture
from vidproc.media.convert import Converter

_QUALITY = 90
"""Of 100: what a filter does to fine detail is still to be seen."""


_LONGEST_PIXEL = 8
"""Wider or higher ones are a header's fancy."""


@dataclass(frozen=True, slots=True)
class Posture:
    """How a player shows a film's pictures: `sar` is how wide a pixel is for its height, 0 when not said; `matrix` has
    nine numbers in FFmpeg's layout (libavutil/display.h), or none."""

    sar: Fraction = Fraction(0)
    matrix: Sequence[int] = ()

    @property
    def lies(self) -> bool:
        """Whether a row of the picture is shown as a column; angles in between are taken for the nearest."""
        return bool(self.matrix) and abs(self.matrix[0]) < abs(self.matrix[1])

    def size(self, width: int, height: int, most: int = sys.maxsize) -> tuple[int, int]:
        """Of a picture as it is shown, at most so wide."""
        sar = self.sar if 1 / _LONGEST_PIXEL <= self.sar <= _LONGEST_PIXEL else 1
        wide, high = self._upright(max(1, round(width * sar)), height)
        scale = min(1.0, most / wide)
        return max(1, round(wide * scale)), max(1, round(high * scale))

    def turned(self, bgr: Array, size: tuple[int, int]) -> Array:
        """The picture, of that size as it is shown. A pixel at (p, q) is shown at (a p + c q, b p + d q), where the
        matrix is a, b, u, c, d, v, ..."""
        size = self._upright(*size)
        if size != bgr.shape[1::-1]:
            less = size[1] < bgr.shape[0]
            bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if less else cv2.INTER_LINEAR)
        right, down = (self.matrix[3], self.matrix[1]) if self.lies else (self.matrix or (1, 0, 0, 0, 1))[0:5:4]
        bgr = cv2.transpose(bgr) if self.lies else bgr
        bgr = cv2.flip(bgr, 1) if right < 0 else bgr
        return cv2.flip(bgr, 0) if down < 0 else bgr

    def _upright(self, width: int, height: int) -> tuple[int, int]:
        return (height, width) if self.lies else (width, height)


def shown(picture: Picture, converter: Converter, posture: Posture, width: int) -> Array:
    """As BGR, at most `width` pixels wide. The converter knows how the picture's numbers become light."""
    bgr = converter.convert(picture, "bgr24").array
    return posture.turned(bgr, posture.size(picture.width, picture.height, width))


def jpeg(bgr: Array) -> bytes:
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return coded.tobytes()


def gif(pictures: Sequence[Array], rate: int) -> bytes:
    """These BGR pictures of one size, so many a second, again and again, in 256 colours that are chosen for them."""
    high, wide = pictures[0].shape[:2]
    made = io.BytesIO()
    with av.open(made, "w", format="gif", options={"loop": "0"}) as out:
        stream = out.add_stream("gif", rate=rate)
        stream.width, stream.height, stream.pix_fmt = wide, high, "pal8"
        for frame in _in_few_colours(pictures, rate):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return made.getvalue()


def _in_few_colours(pictures: Sequence[Array], rate: int) -> Iterator[av.VideoFrame]:
    """By FFmpeg's filters `palettegen`, which sees all of them, and `paletteuse`."""
    frames, tick = [av.VideoFrame.from_ndarray(bgr, format="bgr24") for bgr in pictures], Fraction(1, rate)
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frames[0].width, height=frames[0].height, format=frames[0].format, time_base=tick
    )
    split, choose, use, sink = map(graph.add, ("split", "palettegen", "paletteuse", "buffersink"))
    for one, other, pad, to in ((source, split, 0, 0), (split, choose, 0, 0), (split, use, 1, 0), (choose, use, 0, 1)):
        one.link_to(other, pad, to)
    use.link_to(sink)
    graph.configure()
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = number, tick
        source.push(frame)
    source.push(None)
    for _ in frames:
        coloured = graph.pull()
        assert isinstance(coloured, av.VideoFrame)
        yield coloured
