"""Frames on their way from a stage that goes through the film in order to the slots that encode: coded without loss.

Each frame is a packet of its own, a key frame, so any run of frames is a run of records. What codes them must be quick
and take every format that pictures have. Measured on 1080p of moving texture with some grain, in CPU milliseconds a
frame to code and to decode, and MB (raw 3.1):

    8 bits 4:2:0    magicyuv 4.2 + 3.6, 1.46    ffvhuff 3.5 + 7.5, 1.58    utvideo 3.8 + 4.3, 1.42
                    FFV1 31 + 37, 1.22          raw 0.2 + 0.0, 3.11
    10 bits 4:2:0   ffvhuff 4.8 + 14, 2.76      FFV1 87 + 115, 1.94        raw 0.3 + 0.0, 6.22

So the first of `_CODECS` that takes a format has it. BGR is coded as planes, full-range YUV like the other. A sample of
chroma at an odd edge would be lost in ffvhuff; so all sizes are made whole, and cut again.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import av
import cv2
import numpy as np
from av.codec.context import ThreadType

from vidproc.filters.contract import Array, Picture
from vidproc.filters.formats import yuv_layout
from vidproc.media.pictures import from_picture, new_picture, to_picture
from vidproc.media.records import PacketFlag, PacketRecord, pack, unpack
from vidproc.model import StreamFormat

_CODECS = ("magicyuv", "ffvhuff", "rawvideo")
_BGR, _PLANAR_BGR = "bgr24", "gbrp"
_FIELD_ORDER = "field order"
"""A record's side data that no decoder knows: the picture's."""
_RATE = Fraction(25)  # of no consequence


class IntermediateEncoder:
    """Codes the pictures of one chunk, all of one format and size. `stream` is what a decoder of them needs."""

    def __init__(self, format: str, width: int, height: int) -> None:
        name, pix_fmt = _coding(format)
        width, height = _whole(format, width, height)
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, pix_fmt
        context.framerate, context.time_base = _RATE, 1 / _RATE
        context.thread_count, context.thread_type = 1, ThreadType.NONE
        context.open()
        self._context, self._pix_fmt = context, pix_fmt
        self._records: list[bytes] = []
        self.stream = StreamFormat(name, context.extradata or b"", width, height, pix_fmt)

    def encode(self, rank: int, picture: Picture) -> None:
        """The next picture. It may be used again as soon as this returns."""
        frame = self._frame(picture)
        frame.pts, frame.time_base = len(self._records), 1 / _RATE
        for packet in self._context.encode(frame):
            flags = int(PacketFlag.KEY | PacketFlag.SEEK)
            said = ((_FIELD_ORDER, picture.field_order.encode()),)
            self._records.append(pack([PacketRecord(rank, len(self._records), 1, flags, memoryview(packet), said)]))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of the record of each picture so far."""
        return tuple(len(record) for record in self._records)

    def records(self) -> bytes:
        """Those of all pictures so far, one after the other."""
        return b"".join(self._records)

    def _frame(self, picture: Picture) -> av.VideoFrame:
        size = self.stream.width, self.stream.height
        if picture.format == self._pix_fmt and (picture.width, picture.height) == size:
            return from_picture(picture)
        frame = av.VideoFrame(*size, self._pix_fmt)
        for plane, source in zip(_planes(frame), _as_coded(picture), strict=True):
            height, width = source.shape
            plane[:height, :width] = source
            plane[height:], plane[:, width:] = plane[height - 1], plane[:, width - 1 : width]
        return frame


def field_orders(records: bytes | memoryview) -> dict[int, str]:
    """Of the pictures in these records, by rank."""
    return {record.rank: str(dict(record.side_data)[_FIELD_ORDER], "ascii") for record in unpack(records)}


def picture_of(frame: av.VideoFrame, format: str, width: int, height: int) -> Picture:
    """The picture of this format and size that a decoded frame was made of, but for the order of its fields."""
    if format == _BGR:
        green, blue, red = _planes(frame)
        picture = new_picture(_BGR, frame.width, frame.height)
        cv2.merge((blue, green, red), dst=picture.array)
        return picture
    picture = to_picture(frame, width=width, height=height)
    return picture if picture.format == format else Picture(format, picture.planes)


def _whole(format: str, width: int, height: int) -> tuple[int, int]:
    layout = yuv_layout(format)
    across, down = (layout.across, layout.down) if layout else (1, 1)
    return -(-width // across) * across, -(-height // down) * down


@functools.cache
def _coding(format: str) -> tuple[str, str]:
    """The codec for pictures of this format, and the pixel format that it is given."""
    pix_fmt = _PLANAR_BGR if format == _BGR else format.replace("yuvj", "yuv")
    return next(name for name in _CODECS if _takes(name, pix_fmt)), pix_fmt


def _takes(codec: str, pix_fmt: str) -> bool:
    formats = av.Codec(codec, "w").video_formats
    return not formats or any(each.name == pix_fmt for each in formats)


def _as_coded(picture: Picture) -> tuple[Array, ...]:
    if picture.format != _BGR:
        return picture.planes
    blue, green, red = (picture.array[:, :, channel] for channel in range(3))
    return green, blue, red


def _planes(frame: av.VideoFrame) -> tuple[Array, ...]:
    """The planes of a frame of any planar format, to read or to write."""
    if yuv_layout(frame.format.name) is not None or frame.format.name == "gray":
        return to_picture(frame, writable=True).planes
    views = (np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes)  # type: ignore[call-overload]
    return tuple(view[: frame.height, : frame.width] for view in views)
