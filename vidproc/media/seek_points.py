"""What a packet's first bytes tell: may decoding start here, is a frame shown, did the stream's format change.

A container's keyframe flag is not enough. An intra-refresh H.264 stream flags pictures as keyframes from which a
decoder recovers only gradually; VP8's and VP9's alternate references are packets that show no frame; a joined stream
changes its size at a packet that looks like any other keyframe.

One inspector for each codec, behind `inspector`. They look at as few bytes as they can: most packets cost a look at a
flag. What can't be told from the bytes is said in `Look.trouble`: such a stream's frames must be counted by decoding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from vidproc.media import nal_units as nal

_START = b"\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `seek`: a clean seek point. `first`: a seek point whose frame is shown before those of all packets
    behind it. `shown`: a frame comes out. `changed`: the format is another one from here on. `trouble`: why the packets
    of this stream can't be trusted to be one frame each, empty if they can."""

    seek: bool
    first: bool = False
    shown: bool = True
    changed: bool = False
    trouble: str = ""


_PLAIN, _SEEK, _UNSHOWN = Look(False), Look(True), Look(False, shown=False)


class Inspector(Protocol):
    def look(self, data: bytes, key: bool) -> Look:
        """Judge a packet of at least one byte; `key` is its keyframe flag. Packets must come in decode order.

        Raises `IndexError` where a header is damaged."""
        ...


@dataclass(slots=True)
class FlagInspector:
    """For codecs whose keyframe flag tells all. `signature` gives the bytes of a keyframe that name its format."""

    signature: Callable[[bytes], bytes] = lambda data: b""
    _last: bytes = b""

    def look(self, data: bytes, key: bool) -> Look:
        if not key:
            return _PLAIN
        found, last = self.signature(data), self._last
        self._last = found or last
        return Look(True, changed=bool(last and found and last != found))


@dataclass(slots=True)
class H264Inspector:
    """IDR pictures, and I pictures whose recovery point lies right there, are seek points."""

    length_size: int
    _sps: dict[int, bytes] = field(default_factory=dict)
    _coding: dict[int, nal.SequenceFacts] = field(default_factory=dict)
    _sps_of_pps: dict[int, int] = field(default_factory=dict)
    _interlaced: bool = False

    @classmethod
    def of(cls, extradata: bytes) -> H264Inspector:
        made = cls(nal.h264_length_size(extradata))
        for unit in nal.h264_parameter_sets(extradata):
            with contextlib.suppress(IndexError):  # a damaged one: the decoder will say so
                made._learn(unit)
        return made

    def look(self, data: bytes, key: bool) -> Look:
        if not key and not self._interlaced:
            return _PLAIN
        idr, recovery, intra, changed, fields = False, None, True, False, False
        for unit in nal.units(data, self.length_size):
            kind = unit[0] & 31 if unit else 0
            if kind in (1, 2, 5):
                head = nal.h264_slice_head(unit)
                idr, intra = idr or kind == 5, intra and head.intra
                fields = fields or self._is_field(head)
                if idr or not key:
                    break
            elif kind == 6 and recovery is None:
                recovery = nal.recovery_frames(unit)
            elif kind in (7, 8):
                changed = self._learn(unit) or changed
        trouble = "its pictures are coded as fields" if fields else ""
        return Look(key and (idr or (recovery == 0 and intra)), key and idr, changed=changed, trouble=trouble)

    def _is_field(self, head: nal.SliceHead) -> bool:
        coding = self._coding.get(self._sps_of_pps.get(head.pps, -1))
        return coding is not None and head.is_field(coding)

    def _learn(self, unit: bytes) -> bool:
        """Remember a parameter set; True where an SPS replaces another one."""
        if unit and unit[0] & 31 == 8:
            own, its_sps = nal.h264_pps_ids(unit)
            self._sps_of_pps[own] = its_sps
            return False
        if not unit or unit[0] & 31 != 7:
            return False
        number, coding = nal.h264_sequence_facts(unit)
        before = self._sps.get(number)
        self._sps[number], self._coding[number] = unit, coding
        self._interlaced = not all(c.frames_only for c in self._coding.values())
        return before not in (None, unit)


@dataclass(slots=True)
class HevcInspector:
    """IRAP pictures (types 16 to 23) are seek points."""

    length_size: int
    _sps: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, extradata: bytes) -> HevcInspector:
        known = [u for u in nal.hevc_parameter_sets(extradata) if u and u[0] >> 1 & 63 == 33]
        return cls(nal.hevc_length_size(extradata), known)

    def look(self, data: bytes, key: bool) -> Look:
        if not key:
            return _PLAIN
        found, seek = [], False
        for unit in nal.units(data, self.length_size):
            kind = unit[0] >> 1 & 63 if unit else 63
            if kind < 32:
                seek = 16 <= kind <= 23
                break
            if kind == 33:
                found.append(unit)
        changed = bool(found and self._sps and found != self._sps)
        self._sps = found or self._sps
        return Look(seek, changed=changed)


@dataclass(slots=True)
class Vp8Inspector:
    """RFC 6386, 9.1: the first byte holds the keyframe and show_frame bits, a keyframe's size follows."""

    _size: bytes = b""

    def look(self, data: bytes, key: bool) -> Look:
        if not data[0] >> 4 & 1:
            return _UNSHOWN
        if data[0] & 1:
            return _PLAIN
        size, before = data[6:10], self._size
        self._size = size
        return Look(True, changed=before not in (b"", size))


@dataclass(slots=True)
class Vp9Inspector:
    """A packet is one frame or a superframe (VP9 bitstream specification, annex B) of which one is shown."""

    _format: int = -1

    def look(self, data: bytes, key: bool) -> Look:
        frames = list(vp9_frames(data))
        if not any(_vp9_shown(frame) for frame in frames):
            return _UNSHOWN
        if not key:
            return _PLAIN
        found, before = _vp9_format(frames[0]), self._format
        self._format = found
        return Look(True, changed=before not in (-1, found))


def vp9_frames(data: bytes) -> Iterator[bytes]:
    """The frames in a VP9 packet."""
    marker = data[-1]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = len(data) - 2 - count * width
    if marker >> 5 != 6 or index < 0 or data[index] != marker:
        yield data
        return
    at = 0
    for entry in range(index + 1, len(data) - 1, width):
        size = int.from_bytes(data[entry : entry + width], "little")
        if size:
            yield data[at : at + size]
        at += size


def _vp9_shown(frame: bytes) -> bool:
    bits = nal.Bits(frame[:2])
    profile = bits.take(4) & 3
    if profile == 3:
        bits.take(1)
    if bits.take(1):  # show_existing_frame
        return True
    bits.take(1)  # frame_type
    return bool(bits.take(1))


def _vp9_format(frame: bytes) -> int:
    """Colour configuration and size of a keyframe, as one number (6.2 uncompressed_header)."""
    bits = nal.Bits(frame[:20])
    low_high = bits.take(4) & 3
    profile = (low_high & 1) << 1 | low_high >> 1
    bits.take(28 + (profile == 3))  # flags and the sync code
    depth = bits.take(1) if profile >= 2 else 0
    space = bits.take(3)
    if space != 7:
        bits.take(1 + 3 * (profile in (1, 3)))
    elif profile in (1, 3):
        bits.take(1)
    return (profile << 4 | depth << 3 | space) << 32 | bits.take(32)


@dataclass(slots=True)
class Mpeg4Inspector:
    """MPEG-4 part 2: a VOP that is not coded shows nothing, and DivX packs two frames into one packet."""

    packed: bool = False

    def look(self, data: bytes, key: bool) -> Look:
        if self.packed or (key and _divx_packed(data)):
            return Look(key, trouble="it packs two frames into one packet")
        if len(data) < 20 and data.startswith(_START + b"\xb6"):
            return Look(key, trouble="some of its packets may hold no frame")
        return _SEEK if key else _PLAIN


def _divx_packed(data: bytes) -> bool:
    at = data.find(_START + b"\xb2DivX")
    return at >= 0 and b"p" in data[at + 8 : at + 32].split(b"\x00")[0]


def _mpeg2_sequence(data: bytes) -> bytes:
    at = data.find(_START + b"\xb3")
    return data[at + 4 : at + 8] if at >= 0 else b""


def _jpeg_size(data: bytes) -> bytes:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        if data[at + 1] in (0xC0, 0xC1, 0xC2, 0xC3):
            return data[at + 4 : at + 12]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return b""


def _av1_sequence(data: bytes) -> bytes:
    at = 0
    while at < len(data):
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        size, at = _leb128(data, at + 1 + extended) if sized else (len(data), at + 1 + extended)
        if kind == 1:
            return data[at : at + size]
        at += size
    return b""


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    return len(data), len(data)


_BY_FLAG = (
    *("ffv1", "prores", "gif", "png", "rawvideo", "huffyuv", "ffvhuff"),
    *("qtrle", "dnxhd", "flv1", "h263", "utvideo"),
)


def _by_flag(extradata: bytes) -> Inspector:
    return FlagInspector()


_INSPECTORS: dict[str, Callable[[bytes], Inspector]] = {
    "h264": H264Inspector.of,
    "hevc": HevcInspector.of,
    "vp8": lambda extradata: Vp8Inspector(),
    "vp9": lambda extradata: Vp9Inspector(),
    "av1": lambda extradata: FlagInspector(_av1_sequence),
    "mpeg4": lambda extradata: Mpeg4Inspector(_divx_packed(extradata)),
    "mpeg1video": lambda extradata: FlagInspector(_mpeg2_sequence),
    "mpeg2video": lambda extradata: FlagInspector(_mpeg2_sequence),
    "mjpeg": lambda extradata: FlagInspector(_jpeg_size),
    **dict.fromkeys(_BY_FLAG, _by_flag),
}


def is_known(codec: str) -> bool:
    """Whether this codec's packets (by its name in FFmpeg's list of codecs) can be told apart without decoding."""
    return codec in _INSPECTORS


def inspector(codec: str, extradata: bytes) -> Inspector:
    """The inspector for a codec; for one that isn't known, the keyframe flag has to do."""
    return _INSPECTORS.get(codec, _by_flag)(extradata)
