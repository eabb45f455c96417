"""Small clips of every kind that the reader must understand, made on the spot with the FFmpeg inside PyAV.

`CLIPS` maps a name to what makes it; `make(name, folder)` gives its path, made once a folder. Each frame differs from
all others, so that a frame lost, doubled or out of place shows in a list of hashes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

WIDTH, HEIGHT = 96, 64
X264 = {"preset": "ultrafast", "crf": "28", "threads": "1"}
"""`ultrafast` has no B-frames; `B_FRAMES` puts them back."""
B_FRAMES = {**X264, "preset": "veryfast", "bf": "3", "g": "12"}


def _x265(params: str) -> dict[str, str]:
    return {"preset": "ultrafast", "x265-params": f"{params}:log-level=0:pools=1:frame-threads=1"}


def pictures(count: int, pix_fmt: str = "yuv420p", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Iterator[av.VideoFrame]:
    """A gradient that drifts, a square that wanders, and some fixed noise."""
    width, height = size
    noise = np.random.default_rng(7).integers(0, 24, (height, width, 3), np.uint8)
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    for number in range(count):
        rgb = np.stack([across * 2 + number * 3, down * 2 + number, across + down], axis=2) % 200
        left, top = number * 5 % max(1, width - 16), number * 3 % max(1, height - 16)
        rgb[top : top + 16, left : left + 16] = (number * 9 % 256, 255 - number * 4 % 256, 40)
        frame = av.VideoFrame.from_ndarray((rgb + noise).astype(np.uint8), format="rgb24")
        yield frame.reformat(format=pix_fmt)


@dataclass
class Film:
    """What `write` makes. `times` are ticks of `tick`, one a frame; by default a constant rate from zero."""

    codec: str = "libx264"
    count: int = 30
    pix_fmt: str = "yuv420p"
    size: tuple[int, int] = (WIDTH, HEIGHT)
    rate: int = 24
    options: Mapping[str, str] | None = None
    times: Sequence[int] | None = None
    tick: Fraction | None = None
    setup: Callable[[Any], None] | None = None
    extra: Callable[[Any, list[Any]], list[Any]] | None = None
    container: Mapping[str, str] | None = None
    format: str | None = None


@contextlib.contextmanager
def ordinary_priority() -> Iterator[None]:
    """SVT-AV1 makes whoever calls it a real-time process where it may, as it may for root. All that this one starts
    later would be so too, and what is busy then would leave nothing to the others."""
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, param)


def write(path: Path, film: Film) -> None:
    """Encode and mux. `extra` adds streams and returns their packets, which are muxed by time with the video's."""
    options = dict(film.container or {})
    with ordinary_priority(), av.open(str(path), "w", format=film.format, container_options=options) as out:
        stream: Any = out.add_stream(film.codec, rate=film.rate, options=dict(film.options or {}))
        stream.width, stream.height = film.size
        stream.pix_fmt = film.pix_fmt
        stream.thread_count = 1
        if film.tick is not None:
            stream.codec_context.time_base = film.tick
        if film.setup is not None:
            film.setup(stream)
        others = film.extra(out, [stream]) if film.extra is not None else []
        packets = others + list(_encoded(stream, film))
        for packet in sorted(packets, key=lambda p: (p.dts if p.dts is not None else p.pts) * p.time_base):
            out.mux(packet)


def _encoded(stream: Any, film: Film) -> Iterator[Any]:
    for number, frame in enumerate(pictures(film.count, film.pix_fmt, film.size)):
        frame.pts = number if film.times is None else film.times[number]
        frame.time_base = film.tick or Fraction(1, film.rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _film(**kwargs: Any) -> Callable[[Path], None]:
    return lambda path: write(path, Film(**kwargs))


def sound(out: Any, seconds: float, language: str = "", codec: str = "aac") -> list[Any]:
    """Adds a stream of a quiet tone; returns its packets."""
    stream = out.add_stream(codec, rate=48000)
    stream.layout = "mono"
    if language:
        stream.metadata["language"] = language
    packets, size = [], 1024
    for start in range(0, int(seconds * 48000), size):
        wave = 0.1 * np.sin(np.arange(start, start + size) * 0.03)
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def remux(source: Path, path: Path, keep: Callable[[int, Any], bool], format: str | None = None) -> None:
    """Copies the packets of the first video stream for which `keep(number, packet)` holds."""
    with av.open(str(source)) as original, av.open(str(path), "w", format=format) as out:
        video = original.streams.video[0]
        copy = out.add_stream_from_template(video)
        for number, packet in enumerate(p for p in original.demux(video) if p.size):
            if keep(number, packet):
                packet.stream = copy
                out.mux(packet)


def _via(path: Path, film: Film, suffix: str) -> Path:
    """A film beside the path, to be made into another."""
    made = path.with_name(f"{path.stem}-source{suffix}")
    write(made, film)
    return made


def _joined(path: Path, first: Film, second: Film) -> None:
    parts = [_via(path.with_name(f"{path.stem}{n}"), film, path.suffix) for n, film in enumerate((first, second))]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def _cut_keyframe(number: int) -> Callable[[int, Any], bool]:
    """Leaves out all before the n-th keyframe."""
    seen = 0

    def keep(_: int, packet: Any) -> bool:
        nonlocal seen
        seen += int(packet.is_keyframe)
        return seen > number

    return keep


def _open_gop_start(path: Path) -> None:
    options = {**B_FRAMES, "x264-params": "open-gop=1:keyint=10:min-keyint=10:scenecut=0:b-adapt=0"}
    source = _via(path, Film(count=40, options=options), ".ts")
    remux(source, path, _cut_keyframe(1))


def _hevc_open_start(path: Path) -> None:
    options = _x265("open-gop=1:keyint=10:min-keyint=10:bframes=3:b-adapt=0")
    source = _via(path, Film(codec="libx265", count=40, options=options), ".ts")
    remux(source, path, _cut_keyframe(1))


def _vp8_references(path: Path) -> None:
    """VP8 with packets that show no frame. libvpx makes them only in two passes, so some are copied and turned dark."""
    source = _via(path, Film(codec="libvpx", options=_VP, count=40, rate=20), ".webm")
    with av.open(str(source)) as original, av.open(str(path), "w") as out:
        video = original.streams.video[0]
        copy = out.add_stream_from_template(video)
        for number, packet in enumerate(p for p in original.demux(video) if p.size):
            packet.stream = copy
            if number % 7 == 3:
                data = bytes(packet)
                dark = av.Packet(bytes([data[0] & ~0x10]) + data[1:])
                dark.pts = dark.dts = (packet.pts or 0) - 20
                dark.time_base, dark.stream = packet.time_base, copy
                out.mux(dark)
            out.mux(packet)


def _intra_refresh_start(path: Path) -> None:
    source = _via(path, Film(count=60, options={**X264, "x264-params": "intra-refresh=1:keyint=12"}), ".ts")
    remux(source, path, lambda number, packet: number >= 15)


def _dropped_frames(path: Path, damaged: int = -1) -> None:
    """MPEG-4 with packets that hold no picture: how AVI says that a frame was dropped."""
    source = _via(path, Film(codec="mpeg4", count=90, options={"g": "20"}), ".avi")
    not_coded = b"\x00\x00\x01\xb6" + bytes([0b01010000, 0b01001111])  # P-VOP, no second passed, time 0, not coded
    with av.open(str(source)) as original, av.open(str(path), "w") as out:
        video = original.streams.video[0]
        copy = out.add_stream_from_template(video)
        for number, packet in enumerate(p for p in original.demux(video) if p.size):
            if number in (70, 71, 75, damaged):
                dropped: Any = av.Packet(not_coded if number != damaged else b"no picture either, but more of it")
                dropped.pts, dropped.dts, dropped.time_base = packet.pts, packet.dts, packet.time_base
                packet = dropped
            packet.stream = copy
            out.mux(packet)


def _joined_in_the_middle(path: Path) -> None:
    first = _via(path, Film(count=30, options=B_FRAMES), ".ts")
    second = path.with_name(f"{path.stem}-tail.ts")
    remux(first, second, lambda number, packet: number >= 17)
    path.write_bytes(first.read_bytes() + second.read_bytes())


def _spliced(path: Path, codec: str, options: Mapping[str, str], pix_fmt: str = "yuv420p") -> None:
    """Two films of different size in one stream, one after the other in time."""
    with av.open(str(path), "w") as out:
        copy, offset = None, 0
        for number, size in enumerate(((WIDTH, HEIGHT), (64, 48))):
            film = Film(codec=codec, options=options, size=size, pix_fmt=pix_fmt, count=20)
            part = _via(path.with_name(f"{path.stem}{number}"), film, path.suffix)
            with av.open(str(part)) as source:
                video = source.streams.video[0]
                copy = copy or out.add_stream_from_template(video)
                for packet in (p for p in source.demux(video) if p.size):
                    packet.pts, packet.dts = (packet.pts or 0) + offset, (packet.dts or 0) + offset
                    packet.stream = copy
                    out.mux(packet)
            offset += 1000


def _truncated(path: Path) -> None:
    source = _via(path, Film(count=60, options=B_FRAMES), ".mkv")
    path.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])


def _truncated_mp4(path: Path) -> None:
    source = _via(path, Film(count=60, options=B_FRAMES, container={"movflags": "faststart"}), ".mp4")
    path.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])


def _flipped(path: Path, seed: int = 5) -> None:
    source = _via(path, Film(count=60, options={**B_FRAMES, "g": "60"}), ".mp4")
    data, dice = bytearray(source.read_bytes()), random.Random(seed)
    start = data.find(b"mdat") + 200
    stop = data.find(b"moov") if data.find(b"moov") > start else len(data)
    for _ in range(40):
        data[dice.randrange(start, stop - 8)] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def _rotated(stream: Any) -> None:
    stream.set_display_rotation(90)


def _anamorphic(stream: Any) -> None:
    stream.codec_context.sample_aspect_ratio = Fraction(16, 11)


def _colour(primaries: int, transfer: int, matrix: int, range_: int) -> Callable[[Any], None]:
    def setup(stream: Any) -> None:
        context = stream.codec_context
        context.color_primaries, context.color_trc = primaries, transfer
        context.colorspace, context.color_range = matrix, range_

    return setup


def _interlaced(stream: Any) -> None:
    stream.codec_context.flags |= 0x00040000 | 0x20000000  # interlaced DCT and motion estimation
    stream.codec_context.field_order = 2


def _both_field_orders(path: Path) -> None:
    """MPEG-2 whose frames are shown top field first, and from the 30th on bottom field first."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mpeg2video", rate=25, options={"g": "12", "bf": "2"})
        stream.width, stream.height, stream.thread_count = WIDTH, HEIGHT, 1
        _interlaced(stream)
        for pts, frame in enumerate(pictures(60)):
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            out.mux(stream.encode(_marked(frame, "tff" if pts < 30 else "bff")))
        out.mux(stream.encode(None))


def _marked(frame: av.VideoFrame, mark: str) -> Any:
    """The frame with FFmpeg's flags for fields, which PyAV can't set."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=WIDTH, height=HEIGHT, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", mark), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()


def _two_languages(out: Any, streams: list[Any]) -> list[Any]:
    return sound(out, 1.2, "eng") + sound(out, 1.2, "deu")


def _long_sound(out: Any, streams: list[Any]) -> list[Any]:
    return sound(out, 3.0)


def _subtitles(codec: str) -> Callable[[Any, list[Any]], list[Any]]:
    def extra(out: Any, streams: list[Any]) -> list[Any]:
        stream = out.add_mux_stream(codec, time_base=_MS)
        stream.metadata["language"] = "eng"
        packets = []
        for number, text in enumerate((b"one", b"two")):
            data = text if codec != "mov_text" else len(text).to_bytes(2, "big") + text
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, _MS
            packet.pts = packet.dts = 100 + number * 500
            packet.duration = 400
            packets.append(packet)
        return packets

    return extra


def _chapters(out: Any, streams: list[Any]) -> list[Any]:
    names = ("Beginning", "End")
    out.set_chapters(
        [
            {"id": n + 1, "start": n * 600, "end": (n + 1) * 600, "time_base": _MS, "metadata": {"title": name}}
            for n, name in enumerate(names)
        ]
    )
    out.metadata["title"] = "A film"
    return []


def _attachment(out: Any, streams: list[Any]) -> list[Any]:
    out.add_attachment("font.ttf", "application/x-truetype-font", b"not really a font")
    return []


def _cover(out: Any, streams: list[Any]) -> list[Any]:
    cover = out.add_stream("mjpeg", rate=1)
    cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
    cover.disposition = 0x400  # attached picture
    frame = next(pictures(1, "yuvj420p", (32, 32)))
    frame.pts, frame.time_base = 0, Fraction(1)
    return [*cover.encode(frame), *cover.encode(None)]



def _sound_alone(path: Path, cover: bool = False) -> None:
    with av.open(str(path), "w", format="mp4") as out:
        out.mux(sound(out, 0.5) + (_cover(out, []) if cover else []))


_MS = Fraction(1, 1000)
_VARIABLE = [n * 40 + n * n % 37 + (500 if n > 20 else 0) for n in range(30)]
_VP = {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16", "b": "60k", "g": "20"}
_BT709, _BT601, _FULL = _colour(1, 1, 1, 1), _colour(6, 6, 6, 1), _colour(1, 1, 1, 2)

CLIPS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "constant rate": (".mp4", _film(options=B_FRAMES, count=60)),
    "variable rate": (".mkv", _film(options=B_FRAMES, times=_VARIABLE, tick=_MS)),
    "start offset": (".mkv", _film(options=B_FRAMES, times=[5000 + 40 * n for n in range(30)], tick=_MS)),
    "edit list": (
        ".mp4",
        _film(
            options=B_FRAMES,
            times=range(-9, 31),
            count=40,
            container={"avoid_negative_ts": "disabled", "use_editlist": "1"},
        ),
    ),
    "rotation": (".mp4", _film(options=X264, setup=_rotated)),
    "anamorphic": (".mp4", _film(options=X264, setup=_anamorphic)),
    "ten bits": (".mkv", _film(options=B_FRAMES, pix_fmt="yuv420p10le")),
    "odd size": (".mkv", _film(codec="ffv1", size=(51, 37), pix_fmt="yuv444p")),
    "odd size mjpeg": (".avi", _film(codec="mjpeg", size=(51, 37), pix_fmt="yuvj420p")),
    "full range": (".mp4", _film(options=X264, pix_fmt="yuvj420p", setup=_FULL)),
    "bt709": (".mp4", _film(options=X264, setup=_BT709)),
    "bt601": (".mp4", _film(options=X264, setup=_BT601)),
    "mpegts": (".ts", _film(options=B_FRAMES, count=50)),
    "b pyramid": (".mp4", _film(options={**B_FRAMES, "x264-params": "b-pyramid=normal:bframes=7:b-adapt=0"}, count=60)),
    "open gop": (".mp4", _film(options={**B_FRAMES, "x264-params": "open-gop=1:keyint=10:b-adapt=0"}, count=60)),
    "open gop start": (".ts", _open_gop_start),
    "hevc open gop start": (".ts", _hevc_open_start),
    "intra refresh": (".mp4", _film(options={**X264, "x264-params": "intra-refresh=1:keyint=12"}, count=60)),
    "intra refresh start": (".ts", _intra_refresh_start),
    "dropped frames": (".avi", _dropped_frames),
    "one keyframe": (".mp4", _film(options={**B_FRAMES, "g": "250"}, count=60)),
    "vp8": (".webm", _film(codec="libvpx", options=_VP, count=60)),
    "vp8 references": (".webm", _vp8_references),
    "vp8 in ogg": (".ogg", _film(codec="libvpx", options={"deadline": "realtime", "b": "60k"})),
    "vp9": (".webm", _film(codec="libvpx-vp9", options=_VP, count=60)),
    "av1": (".mp4", _film(codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1", "g": "16"}, count=40)),
    "hevc": (".mp4", _film(codec="libx265", options=_x265("keyint=12:bframes=3"))),
    "mpeg4 in avi": (".avi", _film(codec="mpeg4", options={"g": "12", "bf": "2"}, count=40)),
    "h264 in avi": (".avi", _film(options=B_FRAMES)),
    "mpeg2 in ps": (".mpg", _film(codec="mpeg2video", rate=25, options={"g": "12", "bf": "2"}, count=40)),
    "mpeg2 in ts": (".ts", _film(codec="mpeg2video", rate=25, options={"g": "12", "bf": "2"}, count=40)),
    "mpeg2 interlaced": (".ts", _film(codec="mpeg2video", rate=25, options={"g": "12", "bf": "2"}, setup=_interlaced)),
    "both field orders": (".ts", _both_field_orders),
    "mpeg1": (".mpg", _film(codec="mpeg1video", rate=25, options={"g": "12", "bf": "2"})),
    "h264 interlaced": (".ts", _film(options={**B_FRAMES, "x264-params": "interlaced=1"})),
    "mjpeg": (".mkv", _film(codec="mjpeg", pix_fmt="yuvj420p")),
    "ffv1": (".mkv", _film(codec="ffv1", options={"g": "10"})),
    "prores": (".mov", _film(codec="prores_ks", pix_fmt="yuv422p10le", count=10)),
    "gif": (".gif", _film(codec="gif", pix_fmt="rgb8", rate=10, count=12)),
    "flv": (".flv", _film(options=B_FRAMES)),
    "y4m": (".y4m", _film(codec="wrapped_avframe", count=8)),
    "huffyuv": (".avi", _film(codec="huffyuv", pix_fmt="yuv422p", count=8)),
    "joined": (".ts", lambda path: _joined(path, Film(options=B_FRAMES), Film(options=B_FRAMES, count=24))),
    "joined in the middle": (".ts", _joined_in_the_middle),
    "change of size": (
        ".ts",
        lambda path: _joined(path, Film(options=B_FRAMES), Film(options=B_FRAMES, size=(64, 48), count=20)),
    ),
    "change of size mpeg2": (
        ".ts",
        lambda path: _joined(path, Film(codec="mpeg2video", rate=25), Film(codec="mpeg2video", rate=25, size=(64, 48))),
    ),
    "change of size vp8": (".webm", lambda path: _spliced(path, "libvpx", {"deadline": "realtime", "b": "60k"})),
    "change of size vp9": (".webm", lambda path: _spliced(path, "libvpx-vp9", {"deadline": "realtime", "b": "60k"})),
    "change of size mjpeg": (".mkv", lambda path: _spliced(path, "mjpeg", {}, "yuvj420p")),
    "change of depth": (
        ".ts",
        lambda path: _joined(path, Film(options=B_FRAMES), Film(options=B_FRAMES, pix_fmt="yuv420p10le")),
    ),
    "two languages": (".mkv", _film(options=X264, extra=_two_languages)),
    "long sound": (".mp4", _film(options=B_FRAMES, extra=_long_sound)),
    "subtitles": (".mkv", _film(options=X264, extra=_subtitles("subrip"))),
    "text track": (".mp4", _film(options=X264, extra=_subtitles("mov_text"))),
    "chapters": (".mkv", _film(options=X264, extra=_chapters)),
    "attachment": (".mkv", _film(options=X264, extra=_attachment)),
    "cover": (".mp4", _film(options=X264, extra=_cover)),
    "single frame": (".mp4", _film(options=X264, count=1)),
}

OTHERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "sound alone": (".m4a", _sound_alone),
    "sound with a cover": (".m4a", lambda path: _sound_alone(path, cover=True)),
}

DAMAGED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "truncated": (".mkv", _truncated),
    "truncated mp4": (".mp4", _truncated_mp4),
    "flipped bits": (".mp4", _flipped),
    "other flipped bits": (".mp4", lambda path: _flipped(path, seed=3)),
    "damaged before dropped frames": (".avi", lambda path: _dropped_frames(path, damaged=9)),
}


def make(name: str, folder: Path) -> Path:
    """The clip of this name, made in `folder` if it isn't there yet."""
    suffix, build = {**CLIPS, **DAMAGED, **OTHERS}[name]
    path = folder / (name.replace(" ", "-") + suffix)
    if not path.exists():
        build(path)
    return path


def digest(frame: av.VideoFrame) -> str:
    """A hash of what is seen of a frame, with its format and size but without the padding of its rows."""
    layout, found = frame.format, hashlib.md5(f"{frame.format.name} {frame.width}x{frame.height}".encode())
    packed = len(frame.planes) == 1
    size = layout.padded_bits_per_pixel // 8 if packed else (layout.components[0].bits + 7) // 8
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))  # type: ignore[call-overload]
        found.update(np.ascontiguousarray(rows[: plane.height, : plane.width * size]).tobytes())
    return found.hexdigest()


def reference(path: Path) -> list[tuple[int | None, str]]:
    """(pts, digest) of each frame of the first video stream, decoded in one go by FFmpeg."""
    with av.open(str(path)) as source:
        video = next(s for s in source.streams.video if not s.disposition & Disposition.attached_pic)
        return [(frame.pts, digest(frame)) for frame in source.decode(video)]
