"""Changing pixel formats as the film's own matrix and range say.

YUV and BGR: chroma is repeated up to the size of Y, the three are interleaved, and one 3x4 matrix does the rest; back,
the matrix comes first and chroma is the mean of the pixels it covers. Repeating and averaging undo one another, so a
filter that changes nothing changes nothing. OpenCV applies the matrix exactly (within 0.7 of a level of the real
numbers, and without bias), where its own YUV conversions know only BT.601 in limited range, and FFmpeg's scaler is
either as exact and three times slower or up to 3 levels off and darker by one or two.

Y and gray: one table, since a filter's gray is full range. Gray gets no colour on the way back: neutral chroma.

YUV and YUV (fewer bits, less chroma) and sizes: FFmpeg's scaler, bicubic, with its ordered dither where bits go. Its
bit-exact and accurate modes are on, so that processors of different kinds give the same.
"""

from __future__ import annotations

import cv2
import numpy as np
from av import VideoFrame
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from vidproc.errors import MediaError
from vidproc.filters import fields
from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import Layout, family, yuv_layout
from vidproc.filters.subsampling import averaged
from vidproc.filters.writing import settle
from vidproc.media import colour as colours
from vidproc.media.pictures import (
    GRAY,
    FramePicture,
    from_picture,
    luma_of,
    new_picture,
    to_picture,
    working_format,
)
from vidproc.model import Colour

_SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


class Converter:
    """Converts the pictures of one film. `colour` is how the result is to be read: `EncoderSpec.colour`.

    `width` and `height` are the film's, for the guess of a matrix that is not said. Every method raises `MediaError`
    where FFmpeg refuses. Equal pictures give equal results, in every process.
    """

    def __init__(self, colour: Colour, width: int, height: int) -> None:
        self._matrix = colours.matrix_of(colour, width, height)
        self._full = colours.is_full(colour)
        self._scalers: dict[tuple[str, str], VideoReformatter] = {}
        self._ways = {
            ("yuv", "yuv"): self._yuv_to_yuv,
            ("yuv", "gray"): self._yuv_to_gray,
            ("yuv", "bgr24"): self._yuv_to_bgr,
            ("gray", "yuv"): self._gray_to_yuv,
            ("gray", "bgr24"): _gray_to_bgr,
            ("bgr24", "yuv"): self._bgr_to_yuv,
            ("bgr24", "gray"): self._bgr_to_gray,
        }

    def convert(self, picture: Picture, to: str, out: Picture | None = None) -> Picture:
        """The picture in format `to`: itself if it has that, views of it where the samples are the same, or new.

        New samples lie in `out` if it is given and in memory of this class's choice else; only FFmpeg's scaler ignores
        it. `out` must have format `to` and the picture's size.
        """
        if picture.format == to:
            return picture
        if out is None:
            out = new_picture(to, picture.width, picture.height)
        return self._ways[family(picture.format), family(to)](picture, out)

    def allocate(self, format: str, width: int, height: int) -> Picture:
        """A writable picture with undefined pixels."""
        return new_picture(format, width, height)

    def is_full(self, format: str) -> bool:
        """Whether codes of this format are of the full range."""
        layout = yuv_layout(format)
        return layout is None or layout.full_range or self._full

    def from_bgr(self, format: str) -> tuple[tuple[float, ...], ...]:
        """The matrix from (B, G, R, 1), 0 to 255, to codes of this format: a row for each plane, or channel of one."""
        if format == "bgr24":
            return (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
        layout = yuv_layout(format)
        rows = colours.bgr_to_yuv(self._matrix, self.is_full(format), layout.bits if layout else 8).tolist()
        return tuple(map(tuple, rows if layout else rows[:1]))

    def picture(self, frame: VideoFrame) -> Picture:
        """A decoded frame of any format as a picture in its `working_format`; a view where that is its own."""
        name = frame.format.name
        to = working_format(name)
        if name == to:
            return to_picture(frame)
        if GRAY.fullmatch(name) and frame.color_range == ColorRange.MPEG:
            return Picture(to, (luma_of(frame), *_neutral(to, frame.width, frame.height)))
        # FFmpeg's scaler takes gray for full range, as the formats of still images mean it, whatever it is told.
        return to_picture(self._scaled(frame, to, self.is_full(to), self.is_full(to), frame.width, frame.height))

    def resize(self, picture: Picture, width: int, height: int) -> Picture:
        """The picture at another size, for a film that changes resolution; an interlaced one field by field."""
        if (picture.width, picture.height) == (width, height):
            return picture
        if not fields.is_interlaced(picture):
            return self._resized(picture, width, height)
        room = self.allocate(picture.format, width, height)
        resized = fields.each_field(lambda field, out: self._resized(field, out.width, out.height), picture, room)
        return fields.ordered(resized, picture.field_order)

    def _resized(self, picture: Picture, width: int, height: int) -> Picture:
        name, full = picture.format, self.is_full(picture.format)
        return to_picture(self._scaled(from_picture(_whole(picture)), name, full, full, width, height))

    def _yuv_to_yuv(self, picture: Picture, out: Picture) -> Picture:
        to = out.format
        one, other = _layout(picture.format), _layout(to)
        full, full_there = self.is_full(picture.format), self.is_full(to)
        if full == full_there and (one.across, one.down, one.bits) == (other.across, other.down, other.bits):
            return Picture(to, picture.planes)
        frame = from_picture(_whole(picture))
        return to_picture(self._scaled(frame, to, full, full_there, frame.width, frame.height), writable=True)

    def _scaled(self, frame: VideoFrame, to: str, full: bool, full_there: bool, width: int, height: int) -> VideoFrame:
        scaler = self._scalers.setdefault((frame.format.name, to), VideoReformatter())
        try:
            return scaler.reformat(
                frame,
                width,
                height,
                to,
                # Samples of one matrix stay so; the same name on both sides keeps the scaler from touching them.
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                interpolation=_SCALING,
                src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG if full_there else ColorRange.MPEG,
                threads=1,
            )
        except FFmpegError as error:
            raise MediaError(f"{frame.format.name} can't be turned into {to}: {error.strerror}") from error

    def _yuv_to_gray(self, picture: Picture, out: Picture) -> Picture:
        luma, bits, full = picture.planes[0], _layout(picture.format).bits, self.is_full(picture.format)
        if full and bits == 8:
            return Picture(out.format, (luma,))
        table, gray = colours.luma_to_gray(full, bits), out.array
        settle(cv2.LUT(luma, table, dst=gray) if bits == 8 else np.take(table, luma, mode="clip"), gray)
        return out

    def _gray_to_yuv(self, picture: Picture, out: Picture) -> Picture:
        layout = _layout(out.format)
        luma, *chroma = out.planes
        table = colours.gray_to_luma(self.is_full(out.format), layout.bits)
        settle(cv2.LUT(picture.array, table, dst=luma), luma)
        for plane in chroma:
            plane.fill(layout.neutral)
        return out

    def _yuv_to_bgr(self, picture: Picture, out: Picture) -> Picture:
        layout, bgr = _layout(picture.format), out.array
        matrix = colours.yuv_to_bgr(self._matrix, self.is_full(picture.format), layout.bits)
        pixels = cv2.merge((picture.planes[0], *_repeated(picture, layout)))
        if layout.bits == 8:
            settle(cv2.transform(pixels, matrix, dst=bgr), bgr)
            return out
        # 16-bit results stop at 0 by themselves, and at 255 when they become bytes.
        levels = cv2.transform(pixels, matrix.astype(np.float32), dst=pixels)
        settle(cv2.convertScaleAbs(levels, dst=bgr), bgr)
        return out

    def _bgr_to_yuv(self, picture: Picture, out: Picture) -> Picture:
        layout = _layout(out.format)
        pixels = self._yuv_pixels(picture.array, self.is_full(out.format), layout.bits)
        chroma = averaged(pixels, (layout.across, layout.down))
        for channel, (source, plane) in enumerate(zip((pixels, chroma, chroma), out.planes, strict=True)):
            settle(cv2.extractChannel(source, channel, dst=plane), plane)
        return out

    def _yuv_pixels(self, bgr: Array, full: bool, bits: int) -> Array:
        """Height x width x 3: Y, U and V of each pixel."""
        matrix = colours.bgr_to_yuv(self._matrix, full, bits)
        if bits == 8:
            return cv2.transform(bgr, matrix)
        codes = cv2.transform(bgr.astype(np.uint16), matrix.astype(np.float32))
        # The purest blue and red of the full range round up to one code too many.
        return np.minimum(codes, (1 << bits) - 1, out=codes) if full else codes

    def _bgr_to_gray(self, picture: Picture, out: Picture) -> Picture:
        brightness = colours.bgr_to_yuv(self._matrix, True, 8)[:1]
        settle(cv2.transform(picture.array, brightness, dst=out.array), out.array)
        return out


def _gray_to_bgr(picture: Picture, out: Picture) -> Picture:
    settle(cv2.cvtColor(picture.array, cv2.COLOR_GRAY2BGR, dst=out.array), out.array)
    return out


def _layout(name: str) -> Layout:
    layout = yuv_layout(name)
    assert layout is not None
    return layout


def _neutral(name: str, width: int, height: int) -> tuple[Array, Array]:
    """U and V of no colour; both the same read-only memory."""
    layout = _layout(name)
    plane = np.full(layout.chroma_shape(height, width), layout.neutral, np.uint8 if layout.bits == 8 else np.uint16)
    plane.flags.writeable = False
    return plane, plane


def _whole(picture: Picture) -> Picture:
    """The picture without a frame that is larger than it."""
    size = picture.width, picture.height
    if isinstance(picture, FramePicture) and (picture.frame.width, picture.frame.height) != size:
        return Picture(picture.format, picture.planes)
    return picture


def _repeated(picture: Picture, layout: Layout) -> tuple[Array, ...]:
    """U and V at the size of Y."""
    if layout.across == layout.down == 1:
        return picture.planes[1:]
    height, width = picture.planes[1].shape
    size = (width * layout.across, height * layout.down)
    larger = (cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST) for plane in picture.planes[1:])
    return tuple(plane[: picture.height, : picture.width] for plane in larger)
