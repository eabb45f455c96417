"""Encoding one chunk: whole frames in, packets out, always the same bytes.

What chunks need so that they can be joined afterwards: each begins with an IDR frame and refers to nothing outside
itself, all have the same parameter sets (kept out of the packets, in `extradata`), and how far decode order runs behind
presentation order is a constant of the settings, not of the content.

What equal bytes need: one thread, the processor's kind kept out (x264's `cpu-independent`), a rate control that sees
frames at a constant rate and no clock, and nothing of the frame but its pixels: a decoded frame remembers whether it
was an I, P or B picture, and libx264's wrapper would obey that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.codec.context import Flags, ThreadType
from av.video.frame import PictureType
from numpy.typing import NDArray

from vidproc.errors import MediaError, OutOfMemoryError
from vidproc.media import ffmpeg
from vidproc.media.colour import FULL
from vidproc.media.encoder_memory import encoder_bytes
from vidproc.media.output_codecs import KEYFRAME_DISTANCE, Display, codec
from vidproc.media.output_format import fit
from vidproc.media.records import PacketFlag, PacketRecord, pack
from vidproc.model import ChunkReport, Colour, EncoderSpec, StreamFormat

FIELD_ORDERS = {"progressive": 1, "tt": 2, "bb": 3}
"""FFmpeg's AVFieldOrder."""

_DECODERS = {"av1": "libdav1d"}
"""Where the decoder that FFmpeg names like the codec wants hardware."""

_OLD_NAMED = {"h264": ("yuv420p", "yuv422p", "yuv444p"), "hevc": ("yuv420p",)}
"""What these of FFmpeg's decoders call `yuvj` where the stream says that its range is full."""


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk's packets in decode order, packed as records.

    A record's rank is its frame's, its dts the packet's number within the chunk. `delay` is how many frames decode
    order may run behind presentation order: the i-th packet holds a frame of at least the (i - delay)-th in time.
    """

    records: bytes
    extradata: bytes
    delay: int
    frames: int


def configure(context: av.VideoCodecContext, spec: EncoderSpec) -> None:
    """Set everything about an encoder that is not open yet. The muxer uses it too, to describe the stream."""
    row = codec(spec.codec)
    context.width, context.height = fit(spec)
    context.pix_fmt = spec.pix_fmt
    context.framerate, context.time_base = spec.frame_rate, 1 / spec.frame_rate
    context.sample_aspect_ratio = spec.sar
    context.color_primaries, context.color_trc = spec.colour.primaries, spec.colour.transfer
    context.colorspace, context.color_range = spec.colour.matrix, spec.colour.range
    if spec.pix_fmt.startswith("yuvj"):
        context.color_range = FULL
    context.gop_size = row.gop
    context.reorder_depth = row.reorder
    context.thread_count, context.thread_type = 1, ThreadType.FRAME
    context.flags |= Flags.global_header
    context.field_order = FIELD_ORDERS[spec.field_order]
    if spec.field_order != "progressive":
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    context.options = options(spec)


def options(spec: EncoderSpec) -> dict[str, str]:
    """The encoder's own options."""
    row = codec(spec.codec)
    siting = {"chroma_sample_location": spec.colour.siting} if spec.colour.siting else {}
    chosen = {**row.options, **row.interlaced.get(spec.field_order, {}), **row.presets.get(spec.preset, {}), **siting}
    if row.display is not None:
        chosen[row.display.option] += _display_words(row.display, spec.colour)
    return {name: value.format(crf=spec.crf) for name, value in chosen.items()}


def _display_words(display: Display, colour: Colour) -> str:
    words = ""
    if colour.mastering:
        places, lights = colour.mastering[:8], colour.mastering[8:]
        words += display.mastering.format(*(n / display.place for n in places), *(n / display.light for n in lights))
    if colour.light_level:
        words += display.level.format(*colour.light_level)
    return words


def open_encoder(spec: EncoderSpec) -> av.VideoCodecContext:
    """An encoder ready for its first frame. Raises `MediaError` when FFmpeg refuses the settings, `OutOfMemoryError`
    where that may be for want of memory."""
    context = av.CodecContext.create(codec(spec.codec).encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    configure(context, spec)
    try:
        with ffmpeg.ordinary_priority():
            context.open()
    except av.FFmpegError as error:
        _check_memory(spec, error)
        wide, high = fit(spec)
        raise MediaError(f"{spec.codec} can't be encoded at {wide}x{high}: {error.strerror}") from error
    return context


def _check_memory(spec: EncoderSpec, error: av.FFmpegError) -> None:
    """Raises `OutOfMemoryError` if the encoder may lack memory: most say something else then, or hide it."""
    if isinstance(error, ffmpeg.OUT_OF_MEMORY) or ffmpeg.room() < encoder_bytes(spec, KEYFRAME_DISTANCE):
        wide, high = fit(spec)
        what = f"{spec.codec} at {wide}x{high}"
        raise OutOfMemoryError(f"not enough memory to encode {what}: raise --memory-limit") from error


def plane_views(frame: av.VideoFrame, width: int, height: int) -> tuple[NDArray[Any], ...]:
    """The top left width x height of a planar frame as arrays that share its memory, chroma rounded up.

    uint8, or uint16 where a sample has more than 8 bits.
    """
    form = frame.format
    sample: np.dtype[Any] = np.dtype(np.uint8 if form.components[0].bits <= 8 else np.uint16)
    sizes = [(width, height)] + [(form.chroma_width(width), form.chroma_height(height))] * 2
    views = []
    for plane, (wide, high) in zip(frame.planes, sizes, strict=False):
        samples: NDArray[Any] = np.frombuffer(memoryview(plane), sample)
        views.append(samples.reshape(-1, plane.line_size // sample.itemsize)[:high, :wide])
    return tuple(views)


def decoded_as(spec: EncoderSpec, report: ChunkReport) -> StreamFormat:
    """What a decoder needs to know of a chunk that was encoded so."""
    name = av.Codec(codec(spec.codec).encoder, "w").canonical_name
    width, height = fit(spec)
    old_named = spec.colour.range == FULL and spec.pix_fmt in _OLD_NAMED.get(name, ())
    return StreamFormat(
        codec=_DECODERS.get(name, name),
        extradata=report.extradata,
        width=width,
        height=height,
        pix_fmt=spec.pix_fmt.replace("yuv", "yuvj") if old_named else spec.pix_fmt,
        reorder_depth=report.delay,
        sar=spec.sar,
        colour=spec.colour,
        field_order=spec.field_order,
        frame_rate=spec.frame_rate,
    )


class ChunkEncoder:
    """Encodes the frames of one chunk, in order. Made for one chunk; a new chunk takes a new one.

    Frames may be of the picture's size or of the encoder's (see `fit`); `new_frame` gives the latter, and what lies
    beyond the picture is filled here by repeating its last column and row.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        self._spec = spec
        self._size = fit(spec)
        self._context = open_encoder(spec)
        self._fields = _FieldMarker(spec) if spec.field_order != "progressive" else None
        self._records: list[PacketRecord] = []
        self._ranks: list[int] = []
        self._lent: dict[int, av.VideoFrame] = {}
        self._spare: list[av.VideoFrame] = []

    def new_frame(self) -> av.VideoFrame:
        """A frame in the encoder's own format and size with undefined pixels, to be filled and given to `encode`.

        Its memory is used again after that: the encoder has copied it by the time `encode` returns.
        """
        frame = self._spare.pop() if self._spare else av.VideoFrame(*self._size, self._spec.pix_fmt)
        self._lent[id(frame)] = frame
        return frame

    def picture(self, frame: av.VideoFrame) -> tuple[NDArray[Any], ...]:
        """The planes of a frame as arrays of the picture's size that can be written into."""
        return plane_views(frame, self._spec.width, self._spec.height)

    def encode(self, rank: int, frame: av.VideoFrame) -> None:
        """Take the next frame of the chunk. Raises `ValueError` for one of another format or size."""
        coded = self._fitted(frame)
        # Not the real time: a variable frame rate would steer the rate control, and a chunk's place in the film too.
        coded.pts, coded.time_base = len(self._ranks), self._context.time_base
        coded.pict_type = PictureType.NONE
        self._ranks.append(rank)
        self._take(self._fields.mark(coded) if self._fields else coded)
        for used in {id(frame), id(coded)} & self._lent.keys():
            self._spare.append(self._lent.pop(used))

    def finish(self, alive: Callable[[], None] = lambda: None) -> EncodedChunk:
        """The whole chunk. Nothing can be encoded afterwards.

        `alive` hears of each packet: an encoder may hold dozens of frames back, and take seconds for each.
        """
        if self._ranks:
            self._take(None, alive)
        return EncodedChunk(
            records=pack(self._records),
            extradata=self._context.extradata or b"",
            delay=self._context.reorder_depth,
            frames=len(self._ranks),
        )

    def _take(self, frame: av.VideoFrame | None, alive: Callable[[], None] = lambda: None) -> None:
        try:
            for packet in self._context.encode_lazy(frame):
                alive()
                rank, flags = self._ranks[packet.pts or 0], PacketFlag.KEY if packet.is_keyframe else 0
                self._records.append(PacketRecord(rank, len(self._records), 1, int(flags), bytes(packet)))
        except av.FFmpegError as error:
            _check_memory(self._spec, error)
            raise

    def _fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        picture, size = (self._spec.width, self._spec.height), (frame.width, frame.height)
        if frame.format.name != self._spec.pix_fmt or size not in (picture, self._size):
            raise ValueError(f"expected a {self._spec.pix_fmt} frame of {picture}, got {frame.format.name} of {size}")
        if size != self._size:
            padded = self.new_frame()
            for source, target in zip(self.picture(frame), self.picture(padded), strict=True):
                target[:] = source
            frame = padded
        if picture != self._size:
            self._repeat_edges(frame)
        return frame

    def _repeat_edges(self, frame: av.VideoFrame) -> None:
        """Fill what lies right of and below the picture; field by field where there are two."""
        step = 1 if self._spec.field_order == "progressive" else 2
        for inner, whole in zip(self.picture(frame), plane_views(frame, *self._size), strict=True):
            high, wide = inner.shape
            whole[:high, wide:] = inner[:, -1:]
            for row in range(high, whole.shape[0]):
                whole[row] = whole[max(row - step, 0)]


class _FieldMarker:
    """Says on each frame which field comes first. PyAV has no way to set these flags but FFmpeg's `setfield`.

    No pixel is copied: the filter passes on the same memory.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        wide, high = fit(spec)
        self._graph = av.filter.Graph()
        self._source = self._graph.add_buffer(
            width=wide, height=high, format=av.VideoFormat(spec.pix_fmt), time_base=1 / spec.frame_rate
        )
        mark = self._graph.add("setfield", "tff" if spec.field_order == "tt" else "bff")
        self._sink = self._graph.add("buffersink")
        self._graph.link_nodes(self._source, mark, self._sink).configure()

    def mark(self, frame: av.VideoFrame) -> av.VideoFrame:
        self._source.push(frame)
        marked = self._sink.pull()
        assert isinstance(marked, av.VideoFrame)
        return marked
