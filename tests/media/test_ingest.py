"""What is read from a film is what FFmpeg shows of it, frame for frame, in whatever pieces it is decoded."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.clips import CLIPS, DAMAGED, reference
from tests.media.reading import read, window
from vidproc.errors import MediaError
from vidproc.media.ingest import Request

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]

LOST_BY_FFMPEG = {"change of size mpeg2": {29}}
"""Frames that FFmpeg drops at a seam when it decodes in one go, and that decoding by segments keeps."""

COUNTED = {"h264 in avi", "joined in the middle", "dropped frames"}
"""Clips whose packets don't tell their frames."""


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_is_the_one_that_ffmpeg_shows(name: str, clip: Clip, tmp_path: Path) -> None:
    film, expected = read(clip(name), tmp_path), reference(clip(name))
    frames = [frame for chunk in film.chunks for frame in film.afresh(chunk)]
    assert [rank for rank, _ in frames] == list(range(film.result.frames))
    lost = LOST_BY_FFMPEG.get(name, set())
    shown = [(film.result.times[rank], seen) for rank, seen in frames if rank not in lost]
    assert shown == expected
    assert bool(film.result.counted) == (name in COUNTED)


@pytest.mark.parametrize("reach", [(0, 0), (-1, 1), (-3, 0)], ids=str)
@pytest.mark.parametrize("name", CLIPS)
def test_going_on_gives_the_same_frames_as_beginning_anew(
    name: str, reach: tuple[int, int], clip: Clip, tmp_path: Path
) -> None:
    film = read(clip(name), tmp_path, Request(reach=window(*reach)))
    for chunk, frames, _ in film.continued(reach[0]):
        assert frames == film.afresh(chunk)
        segment = film.result.segments[chunk.segment]
        assert chunk.first == max(segment.start, chunk.start + reach[0])
        assert chunk.last == min(segment.stop, chunk.stop + reach[1])


def test_slots_do_go_on(clip: Clip, tmp_path: Path) -> None:
    film = read(clip("one keyframe"), tmp_path, Request(reach=window(-1, 1)))
    assert [went_on for _, _, went_on in film.continued(-1)] == [False] + [True] * (len(film.chunks) - 1)
    assert len(film.chunks) > 2


@pytest.mark.parametrize("name", CLIPS)
def test_the_plan_covers_each_segment_once(name: str, clip: Clip, tmp_path: Path) -> None:
    film = read(clip(name), tmp_path)
    at = 0
    for index, chunk in enumerate(film.chunks):
        segment = film.result.segments[chunk.segment]
        assert (chunk.index, chunk.start) == (index, at)
        assert segment.start <= chunk.start < chunk.stop <= segment.stop
        at = chunk.stop
    assert at == film.result.frames


def test_news_come_in_order(clip: Clip, tmp_path: Path) -> None:
    film = read(clip("change of size"), tmp_path)
    assert film.heard[:2] == ["opened", "segment 0"]
    assert film.heard.index("segment 1") < len(film.heard) - 1
    assert [(s.start, s.stop, s.stream.width) for s in film.result.segments] == [(0, 30, 96), (30, 50, 64)]


def test_a_joined_film_repeats_its_times_but_not_its_ranks(clip: Clip, tmp_path: Path) -> None:
    film = read(clip("joined"), tmp_path)
    assert [(s.start, s.stop) for s in film.result.segments] == [(0, 30), (30, 54)]
    assert film.result.times[30:] == film.result.times[:24]


def test_what_an_edit_list_cuts_away_has_no_rank(clip: Clip, tmp_path: Path) -> None:
    film = read(clip("edit list"), tmp_path)
    assert film.result.frames == 31
    assert film.result.losses == ()


def test_frames_without_their_references_are_a_loss(clip: Clip, tmp_path: Path) -> None:
    (loss,) = read(clip("open gop start"), tmp_path).result.losses
    assert "cut away" in loss


@pytest.mark.parametrize("name", ["mpegts", "one keyframe", "variable rate", "start offset", "h264 in avi"])
def test_a_part_of_the_film(name: str, clip: Clip, tmp_path: Path) -> None:
    whole = read(clip(name), tmp_path)
    part = read(clip(name), tmp_path, Request(start=0.4, duration=0.5))
    info, kept = whole.result.info, part.result.kept
    zero = Fraction(info.start_time).limit_denominator(1_000_000)
    assert kept == (zero + Fraction(0.4), zero + Fraction(0.4) + Fraction(0.5))
    frames = [frame for chunk in whole.chunks for frame in whole.afresh(chunk)]
    times = zip(whole.result.times, frames, strict=True)
    expected = [(time, seen) for time, (_, seen) in times if kept[0] <= time * info.time_base < kept[1]]
    found = [(part.result.times[rank], seen) for chunk in part.chunks for rank, seen in part.afresh(chunk)]
    assert 0 < len(found) < whole.result.frames
    assert found == expected


def test_a_part_of_a_joined_film_is_refused(clip: Clip, tmp_path: Path) -> None:
    """Its seconds come twice."""
    with pytest.raises(MediaError, match="process it whole, and cut the result"):
        read(clip("joined"), tmp_path, Request(start=0.5, duration=0.5))


def test_a_part_beyond_the_end_is_refused(clip: Clip, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no frame in the part"):
        read(clip("mpegts"), tmp_path, Request(start=100))


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_film_is_read_as_far_as_it_goes(name: str, clip: Clip, tmp_path: Path) -> None:
    film = read(clip(name), tmp_path)
    assert film.result.frames >= 30
    first = {chunk.index: film.afresh(chunk) for chunk in film.chunks}
    assert [rank for frames in first.values() for rank, _ in frames] == list(range(film.result.frames))
    assert {chunk.index: frames for chunk, frames, _ in film.continued()} == first


def test_counting_frames_after_all_says_nothing_twice(clip: Clip, tmp_path: Path) -> None:
    """Chunks were handed on before the first packet without a picture came."""
    film = read(clip("dropped frames"), tmp_path)
    assert (film.heard.count("opened"), film.heard.count("segment 0")) == (1, 1)
    assert [chunk.index for chunk in film.chunks] == list(range(len(film.chunks)))


def test_a_film_whose_count_contradicts_what_was_said_is_read_by_its_times(clip: Clip, tmp_path: Path) -> None:
    film = read(clip("damaged before dropped frames"), tmp_path)
    assert (film.result.frames, film.result.counted) == (90, "")


@pytest.mark.parametrize("name", ["truncated", "truncated mp4"])
def test_a_film_cut_short_says_so(name: str, clip: Clip, tmp_path: Path) -> None:
    (loss, *_) = read(clip(name), tmp_path).result.losses
    assert "cut short" in loss


def test_reading_twice_writes_the_same_packets(clip: Clip, tmp_path: Path) -> None:
    one, two = (read(clip("b pyramid"), tmp_path) for _ in range(2))
    assert (one.packets, one.chunks) == (two.packets, two.chunks)
