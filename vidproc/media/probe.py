"""What a source is: its streams, its display properties, and how its main video stream is decoded.

Headers are often silent or wrong about colour, pixel format and field order (MPEG-TS has no header at all), so what
matters is taken from the first decoded frame. What remains a guess says so in its name (`duration_from_header`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.stream import VideoStream
from msgspec.structs import replace

from vidproc.errors import MediaError
from vidproc.media.chroma_siting import siting
from vidproc.media.container import UNSAFE_DECODERS, demuxed, open_source
from vidproc.media.field_order import FieldOrders
from vidproc.model import Colour, StreamFormat

_FIELD_ORDERS = {2: "tt", 3: "bb", 4: "tt", 5: "bb"}
"""FFmpeg's AVFieldOrder as the field that is shown first. The last two ("tb" and "bt") would be the other way round by
its documentation, but FFmpeg writes and reads them so (`enc_open` in ffmpeg_enc.c, `raw_decode` in rawdec.c)."""

_RATE_UNKNOWN = Fraction(25)
_HIGHEST_RATE = 1000
_PACKETS_TO_FIRST_FRAME = 2000


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream of any kind. `codec` is empty where FFmpeg knows none."""

    type: str
    codec: str


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """All that is known of a source before its packets are read.

    video: index of the main video stream, the first that is no attached picture. `stream` and `time_base` are its.
    display_matrix: nine numbers, in FFmpeg's layout, by which its frames are turned for display, or nothing.
    start_time: seconds at which the film begins, by its earliest stream; 0 if not said.
    captions: whether closed captions (CTA-708) travel in the first frame's own data.
    duration_from_header, frames_from_header: guesses, 0 if there is none.
    """

    container: str
    video: int
    stream: StreamFormat
    time_base: Fraction
    display_matrix: tuple[int, ...]
    streams: tuple[StreamInfo, ...]
    start_time: float
    duration_from_header: float
    frames_from_header: int
    captions: bool


def probe(path: str | os.PathLike[str]) -> SourceInfo:
    """Open a source, decode its first frame and tell what it is. Raises `MediaError` where that can't be done."""
    with open_source(path) as source:
        return describe(source, first_frame(source))


def main_video(source: InputContainer) -> VideoStream:
    """The first video stream that isn't an attached picture. Raises `MediaError` if there is none, or no decoder that
    it could be read with."""
    videos = (stream for stream in source.streams.video if not stream.disposition & Disposition.attached_pic)
    found = next(videos, None)
    if found is None:
        raise MediaError(f"{os.path.basename(source.name)} has no video stream")
    if found.codec_context is None:
        raise MediaError("this FFmpeg has no decoder for the video stream")
    if found.codec_context.name in UNSAFE_DECODERS:
        raise MediaError(f"films in {found.codec_context.name} are not read: FFmpeg's decoder of it has a known hole")
    return found


def first_frame(source: InputContainer) -> av.VideoFrame | None:
    """The main video's first frame as a player shows it, or none if nothing decodes. Reads packets of the source."""
    stream = main_video(source)
    stream.codec_context.thread_count = 1
    for number, packet in enumerate(demuxed(source, stream)):
        try:
            frames = stream.decode(packet) if packet.size or packet.pts is None else []
        except av.FFmpegError:
            frames = []
        if frames:
            return frames[0]
        if number > _PACKETS_TO_FIRST_FRAME:
            break
    return None


def describe(source: InputContainer, frame: av.VideoFrame | None) -> SourceInfo:
    """Everything about an open source; `frame` is the main video's first one, if it is known."""
    video = main_video(source)
    return SourceInfo(
        container=source.format.name,
        video=video.index,
        stream=_stream_format(video, frame),
        time_base=_time_base(video),
        display_matrix=_display_matrix(frame),
        streams=tuple(_stream(stream) for stream in source.streams),
        start_time=(source.start_time or 0) / av.time_base,
        duration_from_header=max(0, source.duration or 0) / av.time_base,
        frames_from_header=video.frames,
        captions=_has_captions(frame),
    )


def refine(stream: StreamFormat, frame: av.VideoFrame) -> StreamFormat:
    """A format with what a decoded frame knows better: size, pixel format, colour, whether fields are interlaced."""
    return replace(
        stream,
        width=frame.width,
        height=frame.height,
        pix_fmt=frame.format.name,
        colour=_better_colour(stream.colour, frame),
        field_order=_seen_order(stream, frame),
    )


def _seen_order(stream: StreamFormat, frame: av.VideoFrame) -> str:
    """The container's word stands where the frame has none: a film of fields may begin with one that has none."""
    seen = FieldOrders(stream.codec, stream.field_order).of(frame)
    return stream.field_order if seen == "progressive" else seen


def _better_colour(said: Colour, frame: av.VideoFrame) -> Colour:
    def pick(seen: int, header: int, unknown: int) -> int:
        return header if int(seen) == unknown else int(seen)

    return replace(
        said,
        primaries=pick(frame.color_primaries, said.primaries, 2),
        transfer=pick(frame.color_trc, said.transfer, 2),
        matrix=pick(frame.colorspace, said.matrix, 2),
        range=pick(frame.color_range, said.range, 0),
        mastering=_mastering(frame) or said.mastering,
        light_level=_light_level(frame) or said.light_level,
    )


def _mastering(frame: av.VideoFrame) -> tuple[int, ...]:
    """From FFmpeg's AVMasteringDisplayMetadata: ten fractions, of red, green, blue, white, darkest and brightest light,
    and whether the places and the lights are given. One without the other says nothing that encoders could be told."""
    data = _side_data(frame, "MASTERING_DISPLAY_METADATA")
    if len(data) < 88:
        return ()
    *numbers, places, lights = struct.unpack("=22i", data[:88])
    if not (places and lights) or min(numbers) < 0 or 0 in numbers[1::2]:
        return ()
    red, green, blue, white, (dark,), (bright,) = (
        [Fraction(numbers[2 * n], numbers[2 * n + 1]) for n in pair]
        for pair in ((0, 1), (2, 3), (4, 5), (6, 7), (8,), (9,))
    )
    steps = [round(each * 50_000) for each in (*green, *blue, *red, *white)]
    return (*steps, round(bright * 10_000), round(dark * 10_000))


def _light_level(frame: av.VideoFrame) -> tuple[int, ...]:
    data = _side_data(frame, "CONTENT_LIGHT_LEVEL")
    return struct.unpack("=2I", data[:8]) if len(data) >= 8 else ()


def _side_data(frame: av.VideoFrame, name: str) -> bytes:
    found: Any = frame.side_data
    return next((bytes(side) for side in found if side.type.name == name), b"")


def _stream_format(video: VideoStream, frame: av.VideoFrame | None) -> StreamFormat:
    context = video.codec_context
    said = StreamFormat(
        codec=context.codec.name,
        extradata=bytes(context.extradata or b""),
        width=context.width,
        height=context.height,
        pix_fmt=context.pix_fmt or "yuv420p",
        codec_tag=_codec_tag(context),
        reorder_depth=context.reorder_depth,
        bits_per_coded_sample=context.bits_per_coded_sample,
        sar=video.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(0),
        colour=_colour(video, context),
        field_order=_FIELD_ORDERS.get(context.field_order, "progressive"),
        frame_rate=_frame_rate(video),
    )
    return said if frame is None else refine(said, frame)


def _colour(video: VideoStream, context: av.VideoCodecContext) -> Colour:
    numbers = context.color_primaries, context.color_trc, context.colorspace, context.color_range
    return Colour(*numbers, siting=siting(video))


def _codec_tag(context: av.VideoCodecContext) -> str:
    try:
        return context.codec_tag.rstrip("\0") and context.codec_tag
    except UnicodeDecodeError:
        return ""


def _frame_rate(video: VideoStream) -> Fraction:
    for rate in (video.average_rate, video.guessed_rate, video.base_rate):
        if rate and 0 < rate <= _HIGHEST_RATE:
            return rate
    return _RATE_UNKNOWN


def _time_base(stream: Any) -> Fraction:
    return stream.time_base or Fraction(1, av.time_base)


def _display_matrix(frame: av.VideoFrame | None) -> tuple[int, ...]:
    matrix = _side_data(frame, "DISPLAYMATRIX") if frame is not None else b""
    return struct.unpack("=9i", matrix) if matrix else ()


def _has_captions(frame: av.VideoFrame | None) -> bool:
    found = () if frame is None else cast(Iterable[Any], frame.side_data)
    return any(data.type is SideDataType.A53_CC for data in found)


def _stream(stream: Any) -> StreamInfo:
    context = stream.codec_context
    return StreamInfo(stream.type, context.codec.canonical_name if context is not None else "")
