"""Building FFmpeg's decoders from a `StreamFormat` and its packets from records."""

from __future__ import annotations

from typing import cast, get_args

import av
from av.codec.context import ThreadType
from av.packet import PacketSideData, PktSideDataT

from vidproc.errors import MediaError
from vidproc.media.records import PacketFlag, PacketRecord
from vidproc.model import StreamFormat

_SIDE_DATA: tuple[str, ...] = get_args(PktSideDataT)
"""FFmpeg's kinds of side data in the order of their numbers."""


def open_decoder(stream: StreamFormat, threads: int = 1) -> av.VideoCodecContext:
    """A decoder for bare packets. One thread gives frames as early as the codec allows, in every process alike."""
    try:
        context = cast(av.VideoCodecContext, av.CodecContext.create(stream.codec, "r"))
        context.extradata = stream.extradata or None
        context.width, context.height = stream.width, stream.height
        context.pix_fmt = stream.pix_fmt
        context.reorder_depth = stream.reorder_depth
        context.bits_per_coded_sample = stream.bits_per_coded_sample
        if stream.codec_tag:
            context.codec_tag = stream.codec_tag
        context.thread_count = threads
        context.thread_type = ThreadType.AUTO if threads != 1 else ThreadType.NONE
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"no decoder for this video: {stream.codec} ({error})") from error
    return context


def to_packet(record: PacketRecord) -> av.Packet[av.VideoStream]:
    """A packet for the decoder with the rank as its pts.

    The bytes are copied: FFmpeg's decoders read up to 64 bytes past a packet's end, and must find zeros there, not the
    next record, or damaged films would decode differently from one lease to another.
    """
    packet: av.Packet[av.VideoStream] = av.Packet(len(record.data))  # type: ignore[assignment]
    packet.update(record.data)  # type: ignore[arg-type]
    packet.pts = record.rank
    packet.is_keyframe = bool(record.flags & PacketFlag.KEY)
    packet.is_corrupt = bool(record.flags & PacketFlag.CORRUPT)
    for name, content in record.side_data:
        if name in _SIDE_DATA:
            packet.set_sidedata(_side_data(name, content), move=True)
    return packet


def _side_data(name: str, content: bytes) -> PacketSideData:
    made = PacketSideData(_SIDE_DATA.index(name), len(content))  # type: ignore[call-arg]
    made.update(content)
    return made
