"""Text subtitles from one codec to another, event by event, where a container can't carry them as they are."""

from __future__ import annotations

import av
from av.packet import Packet
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream


def is_text(stream: SubtitleStream) -> bool:
    """Whether the subtitles are text and not pictures."""
    context: SubtitleCodecContext | None = stream.codec_context
    return context is not None and context.codec.text_sub


def add_text_stream(output: av.container.OutputContainer, codec: str, source: SubtitleStream) -> SubtitleStream:
    """A stream for what `source` holds in another text codec. Raises `av.FFmpegError`, `ValueError`."""
    source.codec_context.open(strict=False)
    stream = output.add_stream(codec)
    assert isinstance(stream, SubtitleStream)
    # Both sides speak ASS to each other; the header says what its styles mean.
    stream.codec_context.subtitle_header = source.codec_context.subtitle_header
    return stream


def convert(packet: Packet[Stream], source: SubtitleStream, target: SubtitleStream) -> Packet[Stream] | None:
    """The event in the target's codec with the same times; None for one that shows nothing (MP4 fills gaps so)."""
    events = source.codec_context.decode2(packet)
    if not events:
        return None
    made: Packet[Stream] = target.codec_context.encode_subtitle(events)
    made.time_base = packet.time_base
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.is_keyframe = True
    return made
