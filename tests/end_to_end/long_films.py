"""Films of any length, made at once: one group of pictures, muxed again and again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.media.films import Plan, make

RATE = 25
_GROUP = 50
_STEP = 40
"""Milliseconds."""


def long_film(path: Path, minutes: float) -> Path:
    """25 frames a second, a keyframe every 50 frames, no B-frames; MP4 knows its rate."""
    options = {"preset": "ultrafast", "bf": "0", "crf": "2"}
    plan = Plan(tuple(range(0, _GROUP * _STEP, _STEP)), Fraction(1, 1000), options=options)
    with av.open(str(make(path.with_suffix(".group.mkv"), plan))) as group, av.open(str(path), "w") as film:
        stream = film.add_stream_from_template(group.streams.video[0])
        packets = [packet for packet in group.demux(video=0) if packet.size]
        assert len(packets) == _GROUP
        for number in range(round(minutes * 60 * RATE)):
            film.mux_one(_again(packets[number % _GROUP], number, stream))
    return path


def _again(packet: Any, number: int, stream: Any) -> Any:
    made: Any = av.Packet(bytes(packet))
    made.pts = made.dts = number * _STEP
    made.duration, made.time_base = _STEP, Fraction(1, 1000)
    made.stream, made.is_keyframe = stream, packet.is_keyframe
    return made
