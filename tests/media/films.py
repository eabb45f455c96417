"""Small films of every shape, made on the spot: sources for the muxer's tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

WIDTH, HEIGHT = 64, 48
_ASS_HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,16\n"
    b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@dataclass(frozen=True)
class Sound:
    """A track of sound: sine waves, slower ones in later channels, from `start` for `seconds`."""

    codec: str = "aac"
    language: str = "und"
    start: Fraction = Fraction(0)
    seconds: float = 2.0
    disposition: int = 0
    title: str = ""
    rate: int = 48000
    layout: str = "mono"
    format: str = ""


@dataclass(frozen=True)
class Text:
    """A track of subtitles: (start, duration, text), in milliseconds."""

    events: Sequence[tuple[int, int, str]]
    language: str = "und"
    disposition: int = 0


@dataclass(frozen=True)
class Plan:
    """What a film is to be like. `times` are ticks of `time_base`, one a frame."""

    times: Sequence[int] = tuple(range(0, 40 * 512, 512))
    time_base: Fraction = Fraction(1, 12800)
    size: tuple[int, int] = (WIDTH, HEIGHT)
    pix_fmt: str = "yuv420p"
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "bf": "2", "g": "12"})
    sar: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (2, 2, 2, 0)
    rotation: int = 0
    sounds: Sequence[Sound] = ()
    texts: Sequence[Text] = ()
    chapters: Sequence[tuple[int, int, str]] = ()
    attachments: Sequence[tuple[str, str, bytes]] = ()
    tags: dict[str, str] = field(default_factory=dict)
    cover: bytes = b""
    pictures: bool = False
    second_video: bool = False
    muxer: dict[str, str] = field(default_factory=dict)

    def but(self, **changes: Any) -> Plan:
        return replace(self, **changes)


def pixels(number: int, width: int = WIDTH, height: int = HEIGHT, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """A smooth picture that moves, each frame another."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    grey = 128 + 90 * np.sin((across + 2 * number) / 9) * np.cos((down - number) / 7)
    rgb = np.stack([grey, np.roll(grey, 5, 1), 255 - grey], axis=2).astype(np.uint8)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)


def jpeg() -> bytes:
    """A small still picture, as cover art has."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 32, 32, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    return b"".join(bytes(p) for p in [*encoder.encode(pixels(3, 32, 32, "yuvj420p")), *encoder.encode(None)])


def make(path: Path, plan: Plan) -> Path:
    """Write the film. Tracks are in the order picture, second video, sounds, texts, pictures, cover."""
    kind = {".mkv": "matroska", ".ts": "mpegts"}.get(path.suffix, path.suffix[1:])
    with av.open(str(path), "w", format=kind, container_options=plan.muxer) as output:
        packets = _video(output, plan, plan.times)
        if plan.second_video:
            packets += _video(output, plan.but(rotation=0), plan.times)
        for sound in plan.sounds:
            packets += _sound(output, sound)
        for text in plan.texts:
            packets += _text(output, text, kind)
        packets += _pictures(output) if plan.pictures else []
        packets += _cover(output, plan.cover, kind) if plan.cover else []
        _dress(output, plan)
        output.start_encoding()
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            output.mux_one(packet)
    return path


def _dress(output: OutputContainer, plan: Plan) -> None:
    output.metadata.update(plan.tags)
    for name, kind, data in plan.attachments:
        output.add_attachment(name, kind, data)
    output.set_chapters(
        [
            {"id": n, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
            for n, (start, end, title) in enumerate(plan.chapters, 1)
        ]
    )


def _video(output: OutputContainer, plan: Plan, times: Sequence[int]) -> list[Packet[Stream]]:
    stream: Any = output.add_stream(plan.codec, rate=25, options=plan.options)
    stream.width, stream.height = plan.size
    stream.pix_fmt = plan.pix_fmt
    stream.sample_aspect_ratio = plan.sar
    stream.color_primaries, stream.color_trc, stream.colorspace, stream.color_range = plan.colour
    stream.codec_context.time_base = stream.time_base = plan.time_base
    stream.codec_context.thread_count = 1
    if plan.rotation:
        stream.set_display_rotation(plan.rotation)
    packets: list[Any] = []
    for number, time in enumerate(times):
        frame = pixels(number, *plan.size, plan.pix_fmt)
        frame.pts, frame.time_base = time, plan.time_base
        packets += stream.encode(frame)
    packets += stream.encode(None)
    return packets


def _sound(output: OutputContainer, sound: Sound) -> list[Packet[Stream]]:
    rate, channels = sound.rate, np.arange(av.AudioLayout(sound.layout).nb_channels)
    stream: Any = output.add_stream(sound.codec, rate=rate, layout=sound.layout)
    stream.metadata["language"] = sound.language
    if sound.format:
        stream.codec_context.format = sound.format
    if sound.title:
        stream.metadata["title"] = sound.title
    stream.disposition = sound.disposition
    stream.codec_context.thread_count = 1
    stream.codec_context.open()
    size = stream.codec_context.frame_size or 1024
    packets: list[Any] = []
    for start in range(0, int(sound.seconds * rate), size):
        wave = np.sin(np.arange(start, start + size) / (20 + channels[:, None])).astype(np.float32) / 2
        frame = av.AudioFrame.from_ndarray(wave.T.reshape(1, -1).copy(), format="flt", layout=sound.layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = start + round(sound.start * rate)
        resampled = av.AudioResampler(format=stream.format, layout=sound.layout, rate=rate).resample(frame)
        packets += [packet for part in resampled for packet in stream.encode(part)]
    packets += stream.encode(None)
    return packets


def _text(output: OutputContainer, text: Text, kind: str) -> list[Packet[Stream]]:
    codec = "subrip" if kind == "matroska" else "mov_text"
    stream: Any = output.add_stream(codec)
    stream.codec_context.subtitle_header = _ASS_HEADER
    stream.metadata["language"] = text.language
    stream.disposition = text.disposition
    stream.time_base = Fraction(1, 1000)
    packets = []
    for start, duration, words in text.events:
        data = words.encode()
        packets.append(_packet(stream, data if codec == "subrip" else len(data).to_bytes(2, "big") + data, start))
        packets[-1].duration = duration
    return packets


def _pictures(output: OutputContainer) -> list[Packet[Stream]]:
    """Subtitles that are pictures; what is in the packets nobody looks at."""
    stream = output.add_mux_stream("hdmv_pgs_subtitle", time_base=Fraction(1, 1000))
    return [_packet(stream, b"\x16\x00\x00", 100)]


def _cover(output: OutputContainer, cover: bytes, kind: str) -> list[Packet[Stream]]:
    if kind == "matroska":
        output.add_attachment("cover.jpg", "image/jpeg", cover)
        return []
    stream: Any = output.add_mux_stream("mjpeg", width=32, height=32, time_base=Fraction(1, 1000))
    stream.disposition = Disposition.attached_pic
    return [_packet(stream, cover, 0)]


def _packet(stream: Stream, data: bytes, time: int) -> Packet[Stream]:
    packet: Packet[Stream] = Packet(data)
    packet.stream, packet.time_base = stream, stream.time_base or Fraction(1, 1000)
    packet.pts = packet.dts = time
    packet.is_keyframe = True
    return packet
