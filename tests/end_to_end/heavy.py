"""Films whose upload takes a while."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av

from tests.media.clips import B_FRAMES, Film, write


def heavy(path: Path, size: int = 3 * 2**20) -> Path:
    """A small film that is a large file: it has an attachment, which comes back with the result. No two are alike."""

    def attach(out: av.container.OutputContainer, _: object) -> list[av.Packet]:
        out.add_attachment("noise.bin", "application/octet-stream", os.urandom(size))
        return []

    write(path, Film(options=B_FRAMES, extra=attach))
    return path


def loud(path: Path) -> Path:
    """The same by its sound: 7 MB of noise, of which each chunk's share is written with the chunk."""

    def noise(out: av.container.OutputContainer, _: object) -> list[av.Packet]:
        stream = out.add_stream("pcm_s32le", rate=_RATE)
        stream.layout = "7.1"
        return [_noise(stream, tenth) for tenth in range(12)]

    write(path, Film(options=B_FRAMES, extra=noise))
    return path


_RATE = 192000


def _noise(stream: av.AudioStream, tenth: int) -> av.Packet:
    packet = av.Packet(os.urandom(_RATE // 10 * 8 * 4))
    packet.stream, packet.time_base = stream, Fraction(1, _RATE)
    packet.pts = packet.dts = tenth * _RATE // 10
    packet.duration = _RATE // 10
    return packet
