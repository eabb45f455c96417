"""The little of H.264's and HEVC's bitstreams that tells where decoding may start.

A packet of either codec is a run of NAL units, each behind its length (in MP4 and Matroska, where the extradata says
how long a length is) or behind a start code (in MPEG-TS). Headers are read with the emulation prevention bytes taken
out. Sources: ITU-T H.264 (7.3.2.1 SPS, 7.3.2.2 PPS, 7.3.3 slice header, D.1.8 recovery point), ITU-T H.265 (7.3.1.2),
ISO/IEC 14496-15 (5.3.3 avcC, 8.3.3 hvcC).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

START_CODE = b"\x00\x00\x01"
_RECOVERY_POINT = 6
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


class Bits:
    """Reads a payload from its first bit on. Raises `IndexError` past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        self._left -= count
        if self._left < 0:
            raise IndexError("bitstream ended")
        return self._value >> self._left & (1 << count) - 1

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number, ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """A signed Exp-Golomb number, se(v)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def unescaped(unit: bytes) -> bytes:
    """A NAL unit without its emulation prevention bytes."""
    return unit.replace(b"\x00\x00\x03", b"\x00\x00")


def units(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of a packet; `length_size` is 0 where start codes part them. What is damaged is left out."""
    return _by_length(data, length_size) if length_size else _by_start_code(data)


def _by_length(data: bytes, length_size: int) -> Iterator[bytes]:
    at = 0
    while at + length_size < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        yield data[at : at + size]
        at += size


def _by_start_code(data: bytes) -> Iterator[bytes]:
    at = data.find(START_CODE)
    while at >= 0:
        following = data.find(START_CODE, at + 3)
        unit = data[at + 3 : following if following >= 0 else len(data)].rstrip(b"\x00")
        if unit:
            yield unit
        at = following


def h264_length_size(extradata: bytes) -> int:
    """Bytes of a NAL unit's length, 0 for start codes."""
    return (extradata[4] & 3) + 1 if len(extradata) > 6 and extradata[0] == 1 else 0


def hevc_length_size(extradata: bytes) -> int:
    """Bytes of a NAL unit's length, 0 for start codes."""
    boxed = len(extradata) > 22 and (extradata[0] or extradata[1] or extradata[2] > 1)
    return (extradata[21] & 3) + 1 if boxed else 0


def h264_parameter_sets(extradata: bytes) -> Iterator[bytes]:
    """The SPS and PPS units in an H.264 stream's extradata."""
    if not h264_length_size(extradata):
        yield from _by_start_code(extradata)
        return
    at = 5
    for mask in (0x1F, 0xFF):  # the number of SPS shares its byte with reserved bits
        if at >= len(extradata):
            return
        count, at = extradata[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2], "big")
            yield extradata[at + 2 : at + 2 + size]
            at += 2 + size


def hevc_parameter_sets(extradata: bytes) -> Iterator[bytes]:
    """The VPS, SPS and PPS units in an HEVC stream's extradata."""
    if not hevc_length_size(extradata):
        yield from _by_start_code(extradata)
        return
    at = 23
    for _ in range(extradata[22]):
        count, at = int.from_bytes(extradata[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            if at >= len(extradata):
                return
            size = int.from_bytes(extradata[at : at + 2], "big")
            yield extradata[at + 2 : at + 2 + size]
            at += 2 + size


@dataclass(frozen=True, slots=True)
class SequenceFacts:
    """What an SPS says that is needed to see in a slice header whether the slice is of a field, and how many frames
    others refer to at most."""

    frame_num_bits: int
    frames_only: bool
    separate_planes: bool
    references: int


def h264_sequence_facts(sps: bytes) -> tuple[int, SequenceFacts]:
    """(id, facts) of an SPS unit. Raises `IndexError` on a damaged one."""
    bits = Bits(unescaped(sps[1:200]))
    profile = bits.take(24) >> 16
    number = bits.golomb()
    separate = _skip_chroma(bits) if profile in _HIGH_PROFILES else False
    frame_num_bits = bits.golomb() + 4
    _skip_order_count(bits)
    references = bits.golomb()
    bits.take(1)  # gaps_in_frame_num_value_allowed_flag
    bits.golomb()  # pic_width_in_mbs_minus1
    bits.golomb()  # pic_height_in_map_units_minus1
    return number, SequenceFacts(frame_num_bits, bool(bits.take(1)), separate, references)


def _skip_chroma(bits: Bits) -> bool:
    chroma = bits.golomb()
    separate = bool(bits.take(1)) if chroma == 3 else False
    bits.golomb()  # bit_depth_luma_minus8
    bits.golomb()  # bit_depth_chroma_minus8
    bits.take(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.take(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return separate


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last


def _skip_order_count(bits: Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()


def h264_pps_ids(pps: bytes) -> tuple[int, int]:
    """(its own id, the id of its SPS) of a PPS unit."""
    bits = Bits(unescaped(pps[1:20]))
    return bits.golomb(), bits.golomb()


@dataclass(frozen=True, slots=True)
class SliceHead:
    """The first fields of a slice header, and the bits after them."""

    intra: bool
    pps: int
    rest: Bits

    def is_field(self, coding: SequenceFacts) -> bool:
        """Whether the slice is of one field only. Reads `rest`: ask once."""
        self.rest.take(2 * coding.separate_planes + coding.frame_num_bits)
        return not coding.frames_only and bool(self.rest.take(1))


def h264_slice_head(unit: bytes) -> SliceHead:
    """Of a slice NAL unit (types 1, 2 and 5). Raises `IndexError` on a damaged one."""
    bits = Bits(unescaped(unit[1:32]))
    bits.golomb()  # first_mb_in_slice
    intra = bits.golomb() % 5 == 2
    return SliceHead(intra, bits.golomb(), bits)


def recovery_frames(sei: bytes) -> int | None:
    """recovery_frame_cnt of a recovery point message in an SEI unit, if it has one."""
    payload, at = unescaped(sei[1:]), 0
    while at + 2 <= len(payload) and payload[at] != 0x80:
        kind, at = _sei_number(payload, at)
        size, at = _sei_number(payload, at)
        if kind == _RECOVERY_POINT:
            return Bits(payload[at : at + size]).golomb()
        at += size
    return None


def _sei_number(payload: bytes, at: int) -> tuple[int, int]:
    total = 0
    while payload[at] == 255:
        total, at = total + 255, at + 1
    return total + payload[at], at + 1
