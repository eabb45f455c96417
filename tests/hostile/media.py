"""Films that mean harm, or look as if: what a stranger could upload. `CASES` maps a name to what makes the bytes.

Most are good films with a few bytes written over where a reader would believe them. What points outside points at a
`Canary`, which tells whether anybody read or dialled it.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av

from tests.hostile.boxes import at, behind, box, boxes, edited, element, full_box, instead, numbers
from tests.media import clips
from tests.media.clips import B_FRAMES, Film, write

MOST, HALF = 0xFFFFFFFF, 0x7FFFFFFF


@dataclass(frozen=True)
class Seeds:
    """Good films to spoil, made once in a folder; and what must not be touched: a path and a port of this host."""

    folder: Path
    secret: Path
    port: int

    def clip(self, name: str) -> bytes:
        return clips.make(name, self.folder).read_bytes()

    def film(self, name: str, **how: Any) -> bytes:
        path = self.folder / name
        if not path.exists():
            write(path, Film(**{"options": B_FRAMES, "count": 12, **how}))
        return path.read_bytes()

    @property
    def mp4(self) -> bytes:
        return self.film("small.mp4")

    @property
    def mkv(self) -> bytes:
        return self.film("small.mkv")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/film.mp4"


Make = Callable[[Seeds], bytes]


def _text(words: str) -> Make:
    return lambda seeds: words.format(path=seeds.secret, url=seeds.url, port=seeds.port).encode()


_SCRIPTS: Mapping[str, str] = {
    "hls of a file": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
    "hls of a master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{path}\n",
    "hls of a url": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
    "hls of a file url": "#EXTM3U\n#EXTINF:9,\nfile://{path}\n#EXT-X-ENDLIST\n",
    "hls of itself": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsource\n#EXTINF:1,\nsource\n",
    "hls with a key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n',
    "hls with a map": '#EXTM3U\n#EXT-X-MAP:URI="{path}"\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n',
    "hls of a protocol": "#EXTM3U\n#EXTINF:9,\nconcat:{path}|{path}\n#EXTINF:9,\nsubfile,,start,0,end,9,,:{path}\n",
    "hls behind spaces": "\n\n   #EXTM3U\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
    "hls behind a byte order mark": "\ufeff#EXTM3U\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n",
    "ffconcat of a file": "ffconcat version 1.0\nfile '{path}'\n",
    "ffconcat of a url": "ffconcat version 1.0\nfile '{url}'\n",
    "ffconcat with options": "ffconcat version 1.0\nfile '{path}'\noption safe 0\noption protocol_whitelist file\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
    "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "imf": '<?xml version="1.0"?><CompositionPlaylist><Asset>{path}</Asset></CompositionPlaylist>',
    "xml that includes": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file://{path}">]><MPD>&b;</MPD>',
    "smooth streaming": '<?xml version="1.0"?><SmoothStreamingMedia Url="{url}"/>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "pls": "[playlist]\nFile1={url}\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "rtsp text": "RTSPtext\nrtsp://127.0.0.1:{port}/\n",
    "vobsub index": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n",
    "image pattern": "{path}%03d.png\n",
    "ffmetadata": ";FFMETADATA1\ntitle=x\n[CHAPTER]\nTIMEBASE=1/0\nSTART=0\nEND=1\n",
}


def _mp4(kind: bytes, edit: Callable[[bytes], bytes]) -> Make:
    return lambda seeds: edited(seeds.mp4, kind, edit)


_TABLES: Mapping[str, Make] = {
    "mp4: time scale of zero": _mp4(b"mdhd", at(20, numbers(0))),
    "mp4: negative time scale": _mp4(b"mdhd", at(20, numbers(MOST))),
    "mp4: endless duration": _mp4(b"mdhd", at(24, numbers(MOST))),
    "mp4: movie of time scale zero": _mp4(b"mvhd", at(20, numbers(0))),
    "mp4: movie of a hundred years": _mp4(b"mvhd", at(20, numbers(1, MOST))),
    "mp4: no times": _mp4(b"stts", instead(numbers(0))),
    "mp4: four thousand million times": _mp4(b"stts", instead(numbers(MOST, 1, 1))),
    "mp4: one time for all, a thousand million": _mp4(b"stts", instead(numbers(1, 10**9, 1))),
    "mp4: frames of a day": _mp4(b"stts", instead(numbers(1, 12, MOST))),
    "mp4: frames that last nothing": _mp4(b"stts", instead(numbers(1, 12, 0))),
    "mp4: negative durations": _mp4(b"stts", instead(numbers(2, 6, 0x80000000, 6, MOST))),
    "mp4: samples of four gigabytes": _mp4(b"stsz", instead(numbers(MOST, 12))),
    "mp4: four thousand million samples": _mp4(b"stsz", instead(numbers(1, MOST))),
    "mp4: sizes that are not there": _mp4(b"stsz", instead(numbers(0, 10**6))),
    "mp4: no samples": _mp4(b"stsz", instead(numbers(0, 0))),
    "mp4: chunks beyond the end": _mp4(b"stco", at(16, numbers(MOST))),
    "mp4: chunks in the header": _mp4(b"stco", at(16, numbers(0))),
    "mp4: four thousand million chunks": _mp4(b"stco", instead(numbers(MOST, 48))),
    "mp4: samples of chunk zero": _mp4(b"stsc", instead(numbers(1, 0, MOST, 1))),
    "mp4: chunks backwards": _mp4(b"stsc", instead(numbers(3, 9, 1, 1, 5, 1, 1, 1, 12, 1))),
    "mp4: a description that is not there": _mp4(b"stsc", instead(numbers(1, 1, 12, 77))),
    "mp4: absurd reordering": _mp4(b"ctts", instead(numbers(2, 6, HALF, 6, 0x80000000))),
    "mp4: reordering for too many": _mp4(b"ctts", instead(numbers(1, MOST, 512))),
    "mp4: keyframes that are not there": _mp4(b"stss", instead(numbers(3, 0, MOST, 5))),
    "mp4: an edit list of four thousand million": _mp4(b"elst", instead(numbers(MOST, 1, 0, 1 << 16))),
    "mp4: an edit list into nowhere": _mp4(b"elst", instead(numbers(2, 9, HALF, 1 << 16, MOST, 0x80000000, 0))),
    "mp4: an edit list of a million": _mp4(b"elst", instead(numbers(10**6), numbers(1, 0, 1 << 16) * 10**6)),
    "mp4: frames of 65535 by 65535": _mp4(b"stsd", at(48, numbers(MOST))),
    "mp4: an empty description": _mp4(b"stsd", instead(numbers(0))),
    "mp4: a thousand million descriptions": _mp4(b"stsd", instead(numbers(10**9))),
    "mp4: no codec configuration": lambda seeds: behind(seeds.mp4, b"avcC", bytes(40)),
    "mp4: another codec configuration": lambda seeds: behind(seeds.mp4, b"avcC", b"\x01" + b"\xff" * 40),
    "mp4: another codec": lambda seeds: seeds.mp4.replace(b"avc1", b"hvc1"),
    "mp4: a codec that nobody knows": lambda seeds: seeds.mp4.replace(b"avc1", b"\xff\0\n%"),
    "mp4: a matrix of ones": _mp4(b"tkhd", at(48, b"\xff" * 36)),
    "mp4: data in a file of that name": lambda seeds: edited(seeds.mp4, b"dref", instead(numbers(1), _alias(seeds))),
    "mp4: data behind a url": lambda seeds: edited(
        seeds.mp4, b"dref", instead(numbers(1), box(b"url ", bytes(4), seeds.url.encode() + b"\0"))
    ),
}


def _alias(seeds: Seeds) -> bytes:
    """A data reference by a Macintosh alias record of version 2, with the file's name and its path."""
    name, path = seeds.secret.name.encode(), str(seeds.secret).encode()
    record = bytearray(150)
    record[4:8] = struct.pack(">HH", 150 + 4 + len(path) + len(path) % 2 + 4, 2)
    record[50 : 51 + len(name)] = bytes([len(name)]) + name
    path_record = struct.pack(">HH", 18, len(path)) + path + bytes(len(path) % 2)
    return box(b"alis", bytes(4), bytes(record), path_record, struct.pack(">HH", MOST & 0xFFFF, 0))


def _tracks(count: int) -> Make:
    """The film with so many more tracks, which lead nowhere."""

    def make(seeds: Seeds) -> bytes:
        film = edited(seeds.mp4, b"udta", lambda whole: b"")
        *before, movie = boxes(film)
        track = next(it for it in boxes(movie[8:]) if it[4:8] == b"trak")
        return b"".join(before) + box(b"moov", movie[8:], track * count)

    return make


def _nested(kind: bytes, levels: int) -> Make:
    def make(seeds: Seeds) -> bytes:
        inner = b"".join(numbers(8 * (levels - n)) + kind for n in range(levels))
        *before, movie = boxes(seeds.mp4)
        return b"".join(before) + box(b"moov", inner, movie[8:])

    return make


_BOXES: Mapping[str, Make] = {
    "mp4: ten thousand tracks": _tracks(10_000),
    "mp4: two hundred tracks": _tracks(200),
    "mp4: boxes in boxes": _nested(b"udta", 20_000),
    "mp4: tracks in tracks": _nested(b"trak", 5_000),
    "mp4: metadata in metadata": _nested(b"moov", 5_000),
    "mp4: a box of no size": lambda seeds: seeds.mp4 + b"\0\0\0\0free",
    "mp4: a box of 2^63 bytes": lambda seeds: seeds.mp4[:40] + b"\0\0\0\x01mdat" + bytes([127, *[255] * 7]) + seeds.mp4,
    "mp4: a box smaller than its header": lambda seeds: seeds.mp4 + b"\0\0\0\x03moov",
    "mp4: a header alone": lambda seeds: box(b"ftyp", b"isom", bytes(4), b"isom"),
    "mp4: two movies": lambda seeds: seeds.mp4 + list(boxes(seeds.mp4))[-1],
    "mp4: fragments of nothing": lambda seeds: (
        seeds.mp4 + box(b"moof", full_box(b"mfhd", numbers(1)), box(b"traf")) * 999
    ),
    "mp4: fragments of samples that are not there": lambda seeds: (
        seeds.mp4
        + box(
            b"moof",
            box(b"traf", box(b"tfhd", numbers(0, 1)), box(b"trun", numbers(0x301, HALF, 0, 1, 1))),
        )
    ),
    "mp4: a playlist in its free space": lambda seeds: (
        box(b"ftyp", b"isom", bytes(4)) + box(b"free", _text(_SCRIPTS["hls of a file"])(seeds)) + seeds.mp4
    ),
    "mp4: a tag of ten megabytes": lambda seeds: _tagged(seeds.mp4, 10 * 2**20),
}


def _tagged(film: bytes, size: int) -> bytes:
    *before, movie = boxes(film)
    tag = box(b"udta", box(b"\xa9nam", struct.pack(">HH", size & 0xFFFF, 0), b"x" * size))
    return b"".join(before) + box(b"moov", movie[8:], tag)


def _matroska(mark: bytes, new: bytes, skip: int = 1) -> Make:
    return lambda seeds: behind(seeds.mkv, mark, new, skip)


def _with_attachments(*names: str) -> Make:
    """Behind the film, in a second list of them."""

    def make(seeds: Seeds) -> bytes:
        files = [
            element(
                b"\x61\xa7", element(b"\x46\x6e", name.encode()), element(b"\x46\x60", b"font/ttf"),
                element(b"\x46\xae", bytes([n & 255, n >> 8])), element(b"\x46\x5c", b"no font"),
            )
            for n, name in enumerate(names, 1)
        ]  # fmt: skip
        return _appended(seeds.mkv, element(b"\x19\x41\xa4\x69", *files))

    return make


def _appended(film: bytes, new: bytes) -> bytes:
    """More at the end of Matroska's segment, whose size is not known any more."""
    place = film.index(b"\x18\x53\x80\x67") + 4
    return film[:place] + b"\x01" + b"\xff" * 7 + film[place + 8 :] + new


def _many_chapters(seeds: Seeds) -> bytes:
    atoms = [
        element(b"\xb6", element(b"\x73\xc4", numbers(n + 1)), element(b"\x91", numbers(n))) for n in range(50_000)
    ]
    return _appended(seeds.mkv, element(b"\x10\x43\xa7\x70", element(b"\x45\xb9", *atoms)))


def _linked(seeds: Seeds) -> bytes:
    """Names of the films before and behind it."""
    names = element(b"\x3c\x83\xab", str(seeds.secret).encode()), element(b"\x3e\x83\xbb", seeds.url.encode())
    return _appended(seeds.mkv, element(b"\x15\x49\xa9\x66", element(b"\x2a\xd7\xb1", numbers(10**6)), *names))


_ELEMENTS: Mapping[str, Make] = {
    "mkv: time scale of zero": _matroska(b"\x2a\xd7\xb1", bytes(3)),
    "mkv: time scale of the largest": _matroska(b"\x2a\xd7\xb1", b"\xff" * 3),
    "mkv: duration without end": _matroska(b"\x44\x89", struct.pack(">d", float("inf"))),
    "mkv: duration that is no number": _matroska(b"\x44\x89", struct.pack(">d", float("nan"))),
    "mkv: negative duration": _matroska(b"\x44\x89", struct.pack(">d", -1e300)),
    "mkv: frames of 65535 by 65535": lambda seeds: seeds.mkv.replace(
        b"\xb0\x81\x60\xba\x81\x40", b"\xb0\x82\xff\xff\xba\x40"
    ),
    "mkv: no codec configuration": _matroska(b"\x63\xa2", bytes(30), 3),
    "mkv: another codec configuration": _matroska(b"\x63\xa2", b"\xff" * 30, 3),
    "mkv: another codec": lambda seeds: seeds.mkv.replace(b"V_MPEG4/ISO/AVC", b"V_MPEGH/ISO/HEV"),
    "mkv: attachments with paths for names": _with_attachments(
        "../../../../etc/passwd", "/etc/passwd", "a\0b", "con", "-i", "%s%n", "x" * 5000, "http://127.0.0.1/"
    ),
    "mkv: a thousand attachments": _with_attachments(*map(str, range(1000))),
    "mkv: fifty thousand chapters": _many_chapters,
    "mkv: linked films": _linked,
    "mkv: masters in masters": lambda seeds: _appended(seeds.mkv, _inside(b"\x1f\x43\xb6\x75", 3000)),
    "mkv: tags in tags": lambda seeds: _appended(seeds.mkv, element(b"\x12\x54\xc3\x67", _inside(b"\x67\xc8", 3000))),
    "mkv: a block of a thousand gigabytes": lambda seeds: _appended(seeds.mkv, b"\xa3\x01\x00\x00\xff\xff\xff\xff\xff"),
    "mkv: a block with absurd lacing": lambda seeds: _appended(
        seeds.mkv,
        element(b"\x1f\x43\xb6\x75", element(b"\xe7", b"\0"), element(b"\xa3", b"\x81\0\0\x06\xff" + b"\xff" * 300)),
    ),
    "mkv: clusters out of order": lambda seeds: _appended(
        seeds.mkv,
        b"".join(
            element(b"\x1f\x43\xb6\x75", element(b"\xe7", (10**9 - n).to_bytes(8)), element(b"\xa3", b"\x81\0\0\x80x"))
            for n in range(500)
        ),
    ),
}


def _inside(name: bytes, levels: int) -> bytes:
    made = b""
    for _ in range(levels):
        made = element(name, made)
    return made


def _times(name: str, *times: int, tick: int = 1000, **how: Any) -> Make:
    """A film whose frames are shown at these times, in ticks of which a second has `tick`."""
    film = {"options": clips.X264, "times": times, "tick": clips.Fraction(1, tick), "count": len(times), **how}
    return lambda seeds: seeds.film(name, **film)


def _rewritten(film: bytes, folder: Path, suffix: str, retime: Callable[[int, Any], None]) -> bytes:
    """Its packets with other times, in decode order."""
    source, path = folder / f"rewritten-source{suffix}", folder / f"rewritten{suffix}"
    source.write_bytes(film)
    with av.open(str(source)) as original, av.open(str(path), "w") as out:
        video = original.streams.video[0]
        copy = out.add_stream_from_template(video)
        for number, packet in enumerate(p for p in original.demux(video) if p.size):
            retime(number, packet)
            packet.stream = copy
            out.mux(packet)
    return path.read_bytes()


def _wrapping(number: int, packet: Any) -> None:
    """The clock of a transport stream has 33 bits."""
    packet.pts = packet.dts = (1 << 33) - 5 * 3600 + number * 3600


def _silent_years(seeds: Seeds) -> bytes:
    """Half a second of sound, and another one ten years later, in a form that MP4 does not carry."""
    return seeds.film("years.mkv", options=clips.X264, extra=partial(_gap, 10 * 365))


def _silent_days(seeds: Seeds) -> bytes:
    return seeds.film("days.mkv", options=clips.X264, extra=partial(_gap, 6))


def _gap(days: int, out: Any, streams: list[Any]) -> list[Any]:
    packets = clips.sound(out, 1.0, codec="pcm_s16le")
    for packet in packets[len(packets) // 2 :]:
        ticks = round(days * 86400 / packet.time_base)
        packet.pts, packet.dts = (packet.pts or 0) + ticks, (packet.dts or 0) + ticks
    return packets


def _many_subtitles(out: Any, streams: list[Any]) -> list[Any]:
    stream = out.add_mux_stream("subrip", time_base=clips.Fraction(1, 1000))
    packets = []
    for number in range(2000):
        packet = av.Packet(b"<i>" * 300 + b"{\\an8}" * 50)
        packet.stream, packet.time_base = stream, clips.Fraction(1, 1000)
        packet.pts = packet.dts = number // 100
        packet.duration = 10**9
        packets.append(packet)
    return packets


def _png(width: int, height: int, data: bytes) -> bytes:
    def piece(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", data) + piece(b"IEND", b"")


def _bomb(codec: str, packet: bytes, width: int, height: int, pix_fmt: str = "rgb24") -> Make:
    """A film of that codec, of which each packet is this one."""

    def make(seeds: Seeds) -> bytes:
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="avi") as out:
            stream: Any = out.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            stream.thread_count = 1
            for number in range(3):
                made = av.Packet(packet)
                made.stream, made.time_base = stream, clips.Fraction(1, 25)
                made.pts = made.dts = number
                out.mux(made)
        return buffer.getvalue()

    return make


def _zeros(size: int) -> bytes:
    """So many zeros, compressed a thousandfold."""
    deflate, block = zlib.compressobj(9), bytes(2**20)
    return b"".join([*(deflate.compress(block) for _ in range(size >> 20)), deflate.flush()])


_FILMS: Mapping[str, Make] = {
    "ten years": _times("ten-years.mkv", 0, 40, 10 * 365 * 86400 * 1000),
    "a thousand million frames a second": _times("quick.mp4", *range(12), tick=10**9),
    "a frame an hour": _times("slow.mkv", *range(0, 40 * 3600_000, 3600_000)),
    "times that go backwards": lambda seeds: _rewritten(
        seeds.film("plain.mkv", options=clips.X264), seeds.folder, ".mkv", _backwards
    ),
    "a clock that wraps": lambda seeds: _rewritten(
        seeds.film("plain.ts", options=clips.X264), seeds.folder, ".ts", _wrapping
    ),
    "sound after ten years": _silent_years,
    "sound after ten years that nobody was told of": lambda seeds: behind(
        _silent_years(seeds), b"\x44\x89", struct.pack(">d", float("nan")), 1
    ),
    "sound after six days": lambda seeds: behind(_silent_days(seeds), b"\x44\x89", struct.pack(">d", 500.0), 1),
    "subtitles without end": lambda seeds: seeds.film("texts.mkv", extra=_many_subtitles),
    "another size in each piece": lambda seeds: b"".join(
        seeds.film(f"size-{size}.ts", size=(size, size), count=2, options=clips.X264) for size in range(32, 96, 4)
    ),
    "sound alone": lambda seeds: seeds.clip("sound alone"),
    "a picture of 16000 by 16000": _bomb("png", _png(16000, 16000, _zeros(16000 * 48001)), 16000, 16000),
    "a picture of 2^31 by 2^31": _bomb("png", _png(HALF, HALF, _zeros(2**20)), 64, 64),
    "a picture that grows": _bomb("png", _png(8000, 8000, _zeros(8000 * 24001)), 64, 64),
    "garbage in every packet": _bomb("ffv1", bytes(range(256)) * 16, 4096, 4096, "yuv420p"),
    "packets of nothing": _bomb("mjpeg", b"\xff\xd8\xff\xd9", 64, 64, "yuvj420p"),
}


def _backwards(number: int, packet: Any) -> None:
    packet.dts = number
    packet.pts = 10**6 - number * 1000


def _y4m(header: bytes) -> Make:
    return lambda seeds: b"YUV4MPEG2 " + header + b"\nFRAME\n" + bytes(6144) + b"FRAME\n" + bytes(6144)


_OTHERS: Mapping[str, Make] = {
    "y4m: a million by a million": _y4m(b"W1000000 H1000000 F25:1 C420"),
    "y4m: no size": _y4m(b"W0 H0 F25:1"),
    "y4m: negative size": _y4m(b"W-64 H-64 F25:1"),
    "y4m: no rate": _y4m(b"W64 H64 F0:0"),
    "y4m: a rate of a thousand million": _y4m(b"W64 H64 F2000000000:1"),
    "y4m: an endless header": _y4m(b"W64 H64 " + b"X" * 100_000),
    "gif: a canvas of 65535 by 65535": lambda seeds: _gif(seeds, 6, b"\xff" * 4),
    "gif: no canvas": lambda seeds: _gif(seeds, 6, bytes(4)),
    "gif: pictures outside the canvas": lambda seeds: behind(seeds.clip("gif"), b"\x2c", b"\xff\xff" * 4, 0),
    "gif: no colours": lambda seeds: _gif(seeds, 10, b"\0"),
    "avi: a frame of 2^31 by 2^31": lambda seeds: behind(
        seeds.film("a.avi", codec="mpeg4", options={}), b"strf", numbers(HALF, HALF), 8
    ),
    "avi: no rate": lambda seeds: behind(seeds.film("a.avi", codec="mpeg4", options={}), b"vids", bytes(8), 16),
    "avi: lists in lists": lambda seeds: b"RIFF\xff\xff\xff\x7fAVI " + b"LIST\xff\xff\xff\x7fhdrl" * 20_000,
    "avi: an index of itself": lambda seeds: seeds.film("a.avi", codec="mpeg4", options={}) + _super_index(),
    "flv: tags of sixteen megabytes": lambda seeds: seeds.clip("flv")[:13] + b"\x09\xff\xff\xff" * 5000,
    "flv: metadata in metadata": lambda seeds: _script_tag(b"\x03\0\x01a" * 20_000) + seeds.clip("flv")[13:],
    "ts: packets of nothing": lambda seeds: (b"\x47\x1f\xff\x10" + bytes(184)) * 5000,
    "ts: eight thousand programmes": lambda seeds: b"".join(_programme(pid) for pid in range(16, 8000)),
    "ts: a table of itself": lambda seeds: _programme(0) * 100 + seeds.clip("mpegts"),
    "ogg: pages of nothing": lambda seeds: (b"OggS\0\x02" + bytes(20) + b"\xff" + b"\xff" * 255) * 50,
    "ogg: streams without end": lambda seeds: b"".join(
        b"OggS\0\x02" + bytes(8) + numbers(n) + bytes(8) + b"\x01\x08" + b"x" * 8 for n in range(5000)
    ),
    "mpeg: start codes alone": lambda seeds: b"\0\0\x01\xba" + b"\0\0\x01\xe0\0\0" * 20_000,
    "zip": lambda seeds: _zipped(seeds.mp4),
    "gzip of gigabytes": lambda seeds: gzip.compress(bytes(2**24)),
    "program": lambda seeds: b"\x7fELF\x02\x01\x01" + bytes(4000),
    "shell script": lambda seeds: f"#!/bin/sh\ncat {seeds.secret}\n".encode(),
    "one byte": lambda seeds: b"\0",
    "zeros": lambda seeds: bytes(2**20),
    "ones": lambda seeds: b"\xff" * 2**20,
}


def _gif(seeds: Seeds, place: int, new: bytes) -> bytes:
    film = seeds.clip("gif")
    return film[:place] + new + film[place + len(new) :]


def _super_index() -> bytes:
    body = struct.pack("<HBBI4s12x", 4, 0, 0, 1000, b"00dc") + struct.pack("<QII", 0, HALF, 1) * 1000
    return b"LIST" + struct.pack("<I", len(body) + 12) + b"strlindx" + struct.pack("<I", len(body)) + body


def _script_tag(body: bytes) -> bytes:
    body = b"\x02\0\x0aonMetaData" + body
    return b"FLV\x01\x05\0\0\0\x09\0\0\0\0\x12" + len(body).to_bytes(3) + bytes(7) + body + numbers(len(body) + 11)


def _programme(pid: int) -> bytes:
    """A packet of a transport stream's first table, which says where the table of one programme is."""
    section = b"\x00\xb0\x0d\x00\x01\xc1\x00\x00" + struct.pack(">HH", pid, 0xE000 | pid) + bytes(4)
    return b"\x47\x40\x00\x10\x00" + section + b"\xff" * (188 - 5 - len(section))


def _zipped(film: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("film.mp4", film)
    return buffer.getvalue()


CASES: Mapping[str, Make] = {
    **{name: _text(words) for name, words in _SCRIPTS.items()},
    **_TABLES,
    **_BOXES,
    **_ELEMENTS,
    **_FILMS,
    **_OTHERS,
}


def spoilt(film: bytes, cuts: int, flips: int, dice: Any) -> Iterator[tuple[str, bytes]]:
    """The film cut short at so many places, and so many times with a few bits flipped."""
    for n in range(cuts):
        size = (n + 1) * len(film) // (cuts + 1)
        yield f"cut at {size}", film[:size]
    for n in range(flips):
        data = bytearray(film)
        for _ in range(dice.choice((1, 1, 4, 32))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        yield f"flip {n}", bytes(data)
