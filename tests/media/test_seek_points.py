"""What is read from the first bits of packets, against FFmpeg's own streams and against bits written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidproc.media import nal_units as nal
from vidproc.media.seek_points import H264Inspector, Look, inspector, is_known, vp9_frames

Clip = Callable[[str], Path]


def looks(path: Path) -> list[tuple[bool, Look]]:
    """(keyframe flag, look) of each packet."""
    with av.open(str(path)) as source:
        video = source.streams.video[0]
        looker = inspector(video.codec_context.codec.canonical_name, video.codec_context.extradata or b"")
        packets = [packet for packet in source.demux(video) if packet.size]
        return [(packet.is_keyframe, looker.look(bytes(packet), packet.is_keyframe)) for packet in packets]


@pytest.mark.media
@pytest.mark.parametrize("name", ["constant rate", "mpegts", "open gop", "hevc", "vp8", "vp9", "av1", "mpeg2 in ts"])
def test_clean_keyframes_are_seek_points(name: str, clip: Clip) -> None:
    found = looks(clip(name))
    assert sum(key for key, _ in found) > 1
    assert all(look.seek == key for key, look in found if look.shown)


@pytest.mark.media
def test_gradual_recovery_is_no_seek_point(clip: Clip) -> None:
    found = looks(clip("intra refresh"))
    assert sum(key for key, _ in found) > 1
    assert [look.seek for key, look in found if key] == [True] + [False] * (sum(key for key, _ in found) - 1)


@pytest.mark.media
@pytest.mark.parametrize("name", ["vp8", "vp8 references", "vp9"])
def test_alternate_references_show_no_frame(name: str, clip: Clip) -> None:
    with av.open(str(clip(name))) as source:
        shown = sum(1 for _ in source.decode(video=0))
    assert sum(look.shown for _, look in looks(clip(name))) == shown


@pytest.mark.media
def test_vp8_has_packets_of_their_own_for_them(clip: Clip) -> None:
    assert any(not look.shown for _, look in looks(clip("vp8 references")))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("head", "shown"), [(0b10_00_0_1_1_0, True), (0b10_00_0_1_0_0, False), (0b10_00_1_000, True)], ids=bin
)
def test_vp9_says_in_its_first_byte_whether_a_frame_is_shown(head: int, shown: bool) -> None:
    frame, marker = bytes([head, 0, 0, 0]), bytes([0b110_00_001])
    assert inspector("vp9", b"").look(frame, key=False).shown == shown
    hidden = bytes([0b10_00_0_1_0_0, 0, 0])
    both = hidden + frame + marker + bytes([len(hidden), len(frame)]) + marker
    assert inspector("vp9", b"").look(both, key=False).shown == shown


@pytest.mark.media
@pytest.mark.parametrize(
    "name", [f"change of size{codec}" for codec in ("", " mpeg2", " vp8", " vp9", " mjpeg")] + ["change of depth"]
)
def test_a_change_of_format_shows_once(name: str, clip: Clip) -> None:
    assert sum(look.changed for _, look in looks(clip(name))) == 1


@pytest.mark.media
def test_interlaced_frames_are_no_fields(clip: Clip) -> None:
    assert not any(look.trouble for _, look in looks(clip("h264 interlaced")))


class BitWriter:
    """The other side of `nal.Bits`."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, count: int) -> BitWriter:
        self.bits += f"{value:0{count}b}" if count else ""
        return self

    def golomb(self, value: int) -> BitWriter:
        length = (value + 1).bit_length()
        return self.put(0, length - 1).put(value + 1, length)

    def bytes(self) -> bytes:
        whole = self.bits + "1" + "0" * (-(len(self.bits) + 1) % 8)
        return int(whole, 2).to_bytes(len(whole) // 8, "big")


def sps(frames_only: bool) -> bytes:
    """A baseline SPS with 4 bits of frame_num and picture order count type 2."""
    bits = BitWriter().put(66, 8).put(0, 8).put(30, 8)
    for value in (0, 0, 2, 1):  # id, log2_max_frame_num - 4, order count type, reference frames
        bits.golomb(value)
    bits.put(0, 1).golomb(5).golomb(3).put(frames_only, 1)
    return b"\x67" + bits.bytes()


def pps() -> bytes:
    return b"\x68" + BitWriter().golomb(0).golomb(0).bytes()


def idr(kind: int, *, field: int | None) -> bytes:
    bits = BitWriter().golomb(0).golomb(kind).golomb(0).put(0, 4)
    return b"\x65" + (bits if field is None else bits.put(field, 1)).put(0, 40).bytes()


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)


@pytest.mark.unit
@pytest.mark.parametrize(("field", "trouble"), [(1, True), (0, False)])
def test_pictures_coded_as_fields_are_trouble(field: int, trouble: bool) -> None:
    looker = H264Inspector.of(annex_b(sps(frames_only=False), pps()))
    look = looker.look(annex_b(idr(7, field=field)), key=True)
    assert (bool(look.trouble), look.seek) == (trouble, True)


@pytest.mark.unit
def test_progressive_streams_have_no_fields() -> None:
    looker = H264Inspector.of(annex_b(sps(frames_only=True), pps()))
    assert not looker.look(annex_b(idr(7, field=None)), key=True).trouble


@pytest.mark.unit
def test_a_recovery_point_counts_only_where_it_is_reached_at_once() -> None:
    def picture(kind: int, count: int) -> bytes:
        payload = BitWriter().golomb(count).put(0, 4).bytes()
        sei = b"\x06" + bytes([6, len(payload)]) + payload + b"\x80"
        return annex_b(sei, b"\x41" + idr(kind, field=None)[1:])

    looker = H264Inspector.of(annex_b(sps(frames_only=True), pps()))
    assert looker.look(picture(7, 0), key=True).seek
    assert not looker.look(picture(7, 12), key=True).seek
    assert not looker.look(picture(5, 0), key=True).seek


@pytest.mark.unit
def test_mpeg4_tells_when_packets_are_no_frames() -> None:
    looker = inspector("mpeg4", b"")
    assert not looker.look(b"\x00\x00\x01\xb6" + bytes(100), key=False).trouble
    assert looker.look(b"\x00\x00\x01\xb6\x57\x80", key=False).trouble
    packed = b"\x00\x00\x01\xb2DivX503b1393p\x00"
    assert inspector("mpeg4", packed).look(bytes(100), key=False).trouble
    assert not inspector("mpeg4", packed.replace(b"p", b"\x00")).look(bytes(100), key=False).trouble


@pytest.mark.unit
def test_superframes_are_taken_apart() -> None:
    frames = [b"\x82" + bytes(3), b"\x86" + bytes(6)]
    marker = bytes([0b110_00_001])
    assert list(vp9_frames(b"".join(frames) + marker + bytes([4, 7]) + marker)) == frames
    assert list(vp9_frames(frames[0])) == [frames[0]]


@pytest.mark.unit
def test_some_codecs_are_not_known() -> None:
    assert is_known("h264")
    assert not is_known("theora")


@given(st.integers(0, 2**20), st.integers(1, 16).flatmap(lambda n: st.tuples(st.integers(0, 2**n - 1), st.just(n))))
@pytest.mark.unit
def test_bits_are_read_as_they_were_written(number: int, fixed: tuple[int, int]) -> None:
    bits = nal.Bits(BitWriter().golomb(number).put(*fixed).golomb(number).bytes())
    assert (bits.golomb(), bits.take(fixed[1]), bits.golomb()) == (number, fixed[0], number)


_AVCC, _HVCC = b"\x01\x64\x00\x0a\xff\xe1\x00", b"\x01" + bytes(20) + b"\xff"


@given(
    st.sampled_from(["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "mpeg2video"]),
    st.sampled_from([b"", _AVCC + b"\x08\x67", _HVCC, b"\0\0\x01\x67", b"\0\0\x01\x42"]),
    st.binary(),
)
@pytest.mark.unit
def test_noise_for_a_configuration_is_what_the_decoder_complains_of(codec: str, head: bytes, noise: bytes) -> None:
    assert inspector(codec, head + noise)


@pytest.mark.unit
def test_a_configuration_that_announces_millions_of_units_has_those_that_are_there() -> None:
    one = b"\xa1\xff\xff" + b"\0\x02\x42\x01"
    assert list(nal.hevc_parameter_sets(_HVCC + b"\xff" + one)) == [b"\x42\x01"]


@given(st.sampled_from(["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "mpeg2video"]), st.binary(min_size=1))
@pytest.mark.unit
def test_noise_does_no_more_than_run_out_of_bits(codec: str, noise: bytes) -> None:
    looker = inspector(codec, b"")
    for key in (True, False):
        try:
            looker.look(noise, key)
        except IndexError:
            continue
