"""How much memory a slot needs at most for a job, told before it is run: the sum of what the parts of its work hold.

A chunk's packets and its result lie there whole. A decoder holds as many frames as its codec lets others refer to; the
filters hold their windows; an encoder looks ahead by as many frames as its preset says, or as the chunk has. What can't
be counted (a codec's tables, an encoder's memory for a frame) was measured, and stands in the tables' rows with
something on top. Only the size of the result is a guess: two bits a pixel at a codec's own default of CRF, which real
films stay far below and noise does not. What a user's function takes beside its frames nobody can know.

The figure is of resident memory. `--memory-limit` is of address space, of which a process takes more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import av

from vidproc.filters.contract import Shape
from vidproc.media import nal_units
from vidproc.media.encoder_memory import MiB, encoder_bytes, picture_bytes
from vidproc.media.output_format import shape_of
from vidproc.media.pictures import working_format
from vidproc.model import Chunk, EncoderSpec, FilterSpec, StreamFormat
from vidproc.pipelines.plan import outline, shapes
from vidproc.pipelines.run import Step
from vidproc.reach import Reach

PROCESS = 80 * MiB
"""A slot that has nothing to do: Python, FFmpeg, OpenCV and NumPy."""

ADDRESSES = 600 * MiB
"""What a slot takes of address space and not of memory: libraries, stacks, what the allocator sets aside."""

MOST_KEPT = 64 * 1920 * 1080
"""Pixels of the frames that are kept for the next chunk, since its filters need them too: about 200 MB. Where they need
more, nothing is kept and no chunk goes on from the last."""

_REFERENCES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("mjpeg", "prores", "ffv1", "dvvideo", "gif", "png", "rawvideo"), 2),
        **dict.fromkeys(("mpeg1video", "mpeg2video", "mpeg4", "vp8"), 5),
        **dict.fromkeys(("vp9", "av1", "libdav1d", "libvpx-vp9"), 11),
    }
)
"""Frames that a decoder holds; H.264 and HEVC, and whatever isn't here, at most 16 that are referred to and one."""

_MOST_REFERENCES = 17
_SPS = 7
_TABLES = 1.5
"""A decoder's frame against its pixels: vectors and types of blocks are kept with it."""

_BEYOND = 4
"""Frames that a decoder gives beyond the chunk, and twice as many more as are reordered."""

_ON_TOP = 1.1
"""What the allocator can't give back."""


@dataclass(frozen=True, slots=True)
class LargestChunk:
    """The largest of a job's chunks: its frames, and the bytes of its packets, lead-in and all."""

    frames: int
    packets: int

    @classmethod
    def of(cls, chunks: Iterable[Chunk]) -> LargestChunk:
        sizes = [(chunk.frames, chunk.packets_stop - chunk.packets_start) for chunk in chunks]
        return cls(max((frames for frames, _ in sizes), default=0), max((packets for _, packets in sizes), default=0))


def slot_bytes(
    streams: Iterable[StreamFormat], encoder: EncoderSpec, filters: Sequence[FilterSpec], largest: LargestChunk
) -> int:
    """Bytes of memory that a slot needs at most for chunks of a film, given its segments' streams, the first one first.

    Raises `ClientError` for filters that don't fit. Executes no custom text.
    """
    first, *others = streams
    passing = shapes(filters, shape_of(first))
    before = max(_decoded_and_filtered(stream, first, filters, encoder, passing) for stream in (first, *others))
    return int(PROCESS + _ON_TOP * (2 * largest.packets + before + encoder_bytes(encoder, largest.frames)))


def _decoded_and_filtered(
    stream: StreamFormat,
    first: StreamFormat,
    filters: Sequence[FilterSpec],
    encoder: EncoderSpec,
    passing: Sequence[Shape],
) -> float:
    """The decoder's frames, and what the filters see and give."""
    pipeline = outline(filters, working_format(stream.pix_fmt), encoder.pix_fmt)
    held = _references(stream) * _TABLES + _BEYOND + 2 * stream.reorder_depth + _kept(pipeline.reach, first)
    ends = zip(pipeline.steps, passing, passing[1:], strict=False)
    return held * frame_bytes(stream) + sum(_around(step, before, after) for step, before, after in ends)


def _references(stream: StreamFormat) -> int:
    """Frames that its decoder holds for others to refer to, with the one in hand and the one given out."""
    if stream.codec != "h264":
        return _REFERENCES.get(stream.codec, _MOST_REFERENCES)
    units = nal_units.h264_parameter_sets(stream.extradata)
    try:
        said = [nal_units.h264_sequence_facts(unit)[1].references for unit in units if unit and unit[0] & 31 == _SPS]
    except IndexError:  # damaged
        said = []
    return 2 + min(16, max(said)) if said else _MOST_REFERENCES


def frame_bytes(stream: StreamFormat) -> int:
    """A decoded frame, with the room around it that FFmpeg aligns it by."""
    wide, high = stream.width + 64, stream.height + 32
    return wide * high * av.VideoFormat(stream.pix_fmt).padded_bits_per_pixel // 8


def _around(step: Step, before: Shape, after: Shape) -> float:
    """What a filter sees, is given for its result, and takes while it works; and a frame that is being converted."""
    reach = step.filter.reach(step.params)
    seen = 1 + max(each.after for each in reach) - step.filter.window[0]
    return (
        seen * picture_bytes(step.format, before.width, before.height)
        + 2 * picture_bytes(step.gives, after.width, after.height)
        + step.filter.scratch * max(before.width * before.height, after.width * after.height)
        + sum(param.file.memory for param in step.filter.params if param.file is not None)
    )


def _kept(reach: Reach, stream: StreamFormat) -> int:
    """Frames that are kept for the next chunk."""
    frames = sum(step.every - 1 - step.before for step in reach.steps)
    return frames if frames * stream.width * stream.height <= MOST_KEPT else 0
