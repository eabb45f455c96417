"""The decoder by itself: lead-in, going on, damage. That its frames are FFmpeg's is shown in `test_ingest`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from tests.media.clips import B_FRAMES, Film, digest, write
from tests.media.reading import Read, read, window
from vidproc.errors import MediaError, WorkerError
from vidproc.media import nal_units
from vidproc.media.decode import Decoder
from vidproc.media.ingest import Request
from vidproc.media.records import HIDDEN, pack, unpack

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]


@pytest.fixture
def film(clip: Clip, tmp_path: Path) -> Read:
    """One group of pictures of 60 frames, with B-frames, in several chunks."""
    return read(clip("one keyframe"), tmp_path)


def without(film: Read, lost: set[int]) -> bytes:
    """The film's packets, with those of some ranks turned into noise."""
    noise = bytes(40)
    records = unpack(film.packets)
    return pack([replace(r, data=noise) if r.rank in lost else r for r in records])


def test_any_range_of_frames_is_given_once_and_in_order(film: Read) -> None:
    decoder = Decoder(film.stream(film.chunks[0]))
    whole = {rank: digest(frame) for rank, frame in decoder.frames(film.packets, 0, 60)}
    assert list(whole) == list(range(60))
    for first, last in [(0, 1), (59, 60), (13, 44), (30, 30)]:
        found = [(rank, digest(f)) for rank, f in decoder.frames(film.packets, first, last)]
        assert found == [(rank, whole[rank]) for rank in range(first, last)]


def test_frames_carry_their_rank(film: Read) -> None:
    frames = Decoder(film.stream(film.chunks[0])).frames(film.packets, 20, 30)
    assert all(frame.pts == rank for rank, frame in frames)


def test_the_lead_in_is_counted_and_heard_of(film: Read) -> None:
    decoder, heard = Decoder(film.stream(film.chunks[0])), list[int]()
    list(decoder.frames(film.packets, 40, 45, on_decoded=heard.append))
    assert 36 <= decoder.lead_in <= 40
    assert sorted(rank for rank in heard if rank != HIDDEN) == list(range(60))


def test_a_decoder_that_was_flushed_can_not_go_on(film: Read) -> None:
    last = film.chunks[-1]
    decoder = Decoder(film.stream(last))
    film._afresh(decoder, last, last.last)
    assert not decoder.can_continue
    with pytest.raises(WorkerError):
        next(decoder.frames(b"", last.first, last.last, continues=True))


def test_a_decoder_that_was_left_in_the_middle_can_not_go_on(film: Read) -> None:
    chunk = film.chunks[0]
    decoder = Decoder(film.stream(chunk))
    frames = decoder.frames(film.packets[chunk.packets_start : chunk.packets_stop], chunk.first, chunk.last)
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert not decoder.can_continue


def test_a_lost_frame_is_the_one_before_it(film: Read) -> None:
    decoder = Decoder(film.stream(film.chunks[0]))
    whole = {rank: digest(frame) for rank, frame in decoder.frames(film.packets, 0, 60)}
    lost = next(r.rank for r in unpack(film.packets) if r.rank > 20 and is_unreferenced(bytes(r.data)))
    found = {rank: digest(f) for rank, f in decoder.frames(without(film, {lost}), 10, 50)}
    assert list(found) == list(range(10, 50))
    assert decoder.concealed == [lost]
    assert found[lost] == whole[lost - 1]
    assert all(found[rank] == whole[rank] for rank in found if rank != lost)


def is_unreferenced(packet: bytes) -> bool:
    """Whether H.264's nal_ref_idc of a packet's first unit is 0."""
    return not next(nal_units.units(packet, 4))[0] >> 5 & 3


def test_a_film_that_begins_with_damage_begins_with_the_next_frame(film: Read) -> None:
    stream = film.stream(film.chunks[0])
    with_gap = pack([replace(r, rank=r.rank + 2) for r in unpack(film.packets)])
    decoder = Decoder(stream)
    found = [digest(frame) for _, frame in decoder.frames(with_gap, 0, 5)]
    assert decoder.concealed == [0, 1]
    assert found[0] == found[1] == found[2]


def test_where_nothing_decodes_frames_are_grey(film: Read) -> None:
    decoder = Decoder(film.stream(film.chunks[0]))
    frames = [frame for _, frame in decoder.frames(without(film, set(range(60))), 0, 60)]
    assert len(frames) == 60
    assert decoder.concealed == list(range(60))
    assert (frames[0].format.name, frames[0].width, frames[0].height) == ("yuv420p", 96, 64)


def test_damage_fails_where_it_must_not_be_concealed(film: Read) -> None:
    decoder = Decoder(film.stream(film.chunks[0]), on_decode_error="fail")
    with pytest.raises(MediaError, match=r"frame \d+ is damaged"):
        list(decoder.frames(without(film, {30}), 0, 60))
    assert len(list(decoder.frames(film.packets, 0, 60))) == 60


def test_a_decoder_that_goes_on_stops_at_damage(film: Read) -> None:
    one, two = film.chunks[:2]
    decoder = Decoder(film.stream(one))
    damaged = without(film, {(two.start + two.stop) // 2})
    list(decoder.frames(film.packets[one.packets_start : one.packets_stop], one.first, one.last))
    with pytest.raises(WorkerError, match="damaged"):
        list(decoder.frames(damaged[one.packets_stop : two.packets_stop], two.first, two.last, continues=True))
    assert not decoder.can_continue


def test_another_size_is_refused(film: Read) -> None:
    stream = structs.replace(film.stream(film.chunks[0]), width=64)
    with pytest.raises(MediaError, match="turns from 64x64"):
        list(Decoder(stream).frames(film.packets, 0, 60))


def test_an_unknown_codec_is_refused(film: Read) -> None:
    stream = structs.replace(film.stream(film.chunks[0]), codec="no such codec")
    with pytest.raises(MediaError, match="no decoder"):
        list(Decoder(stream).frames(film.packets, 0, 60))


FLIPPED = {
    "h264": Film(count=60, options={**B_FRAMES, "g": "60"}),
    "mpeg2": Film(count=60, rate=25, codec="mpeg2video", options={"g": "30", "bf": "2"}),
    "mpeg4": Film(count=60, codec="mpeg4", options={"g": "40", "bf": "2"}),
    "vp9": Film(count=60, codec="libvpx-vp9", options={"deadline": "realtime", "b": "60k"}),
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("codec", FLIPPED)
def test_damage_gives_the_same_frames_in_whatever_pieces(codec: str, seed: int, tmp_path: Path) -> None:
    path, dice = tmp_path / "film.mkv", random.Random(seed)
    write(path, FLIPPED[codec])
    data = bytearray(path.read_bytes())
    for _ in range(dice.choice([1, 3, 10])):
        data[dice.randrange(len(data) // 6, len(data) * 9 // 10)] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    reach = dice.choice([(0, 0), (-1, 0), (-1, 1)])
    film = read(path, tmp_path, Request(reach=window(*reach)))
    for chunk, frames, _ in film.continued(reach[0]):
        assert frames == film.afresh(chunk)
        assert [rank for rank, _ in frames] == list(range(chunk.first, chunk.last))
