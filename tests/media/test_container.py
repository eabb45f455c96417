"""Only real containers are opened, and what is refused is refused in one clear line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.clips import Film, sound, write
from vidproc.errors import MediaError
from vidproc.media.container import demuxed, open_source
from vidproc.media.probe import probe

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]


def refusal(path: Path) -> str:
    with pytest.raises(MediaError) as refused:
        probe(path)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path.parent) not in message
    return message


@pytest.mark.parametrize("name", ["constant rate", "vp8", "mpegts", "mpeg4 in avi", "gif", "flv", "y4m", "mpeg2 in ps"])
def test_films_are_opened(name: str, clip: Clip) -> None:
    with open_source(clip(name)) as source:
        assert source.streams.video


def test_tracks_that_begin_late_take_no_packet_from_the_picture(tmp_path: Path) -> None:
    """Behind what FFmpeg looks at to find a transport stream's tracks."""
    how = {"codec": "mpeg2video", "rate": 25, "options": {"b": "60M", "qmin": "1", "qmax": "1", "g": "1"}}
    for name, film in {
        "silent": Film(**how, count=150, size=(320, 240)),
        "sounding": Film(**how, count=5, extra=lambda out, streams: sound(out, 1.0)),
    }.items():
        write(tmp_path / f"{name}.ts", film)
    silent, sounding = ((tmp_path / f"{name}.ts").read_bytes() for name in ("silent", "sounding"))
    (tmp_path / "film.ts").write_bytes(silent + sounding + silent)
    with open_source(tmp_path / "film.ts") as source:
        packets = [packet for packet in demuxed(source, source.streams.video[0]) if packet.size]
    assert len(packets) == 150 + 5 + 150


def test_a_name_like_an_option_or_a_protocol_is_a_name(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "-i http:x%d,y.mp4"
    path.write_bytes(clip("constant rate").read_bytes())
    with open_source(path) as source:
        assert source.streams.video


def test_a_script_that_names_a_neighbour_does_not_open_it(clip: Clip, tmp_path: Path) -> None:
    (tmp_path / "neighbour.mp4").write_bytes(clip("constant rate").read_bytes())
    script = tmp_path / "film.mp4"
    script.write_text("ffconcat version 1.0\nfile neighbour.mp4\n")
    assert "playlist" in refusal(script)


def test_a_playlist_does_not_open_what_it_names(tmp_path: Path) -> None:
    """Opening a FIFO that nobody writes to would wait for ever."""
    fifo = tmp_path / "fifo.ts"
    os.mkfifo(fifo)
    for text in (
        f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{fifo}\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{fifo}\n#EXT-X-ENDLIST\n",
    ):
        playlist = tmp_path / "film.mp4"
        playlist.write_text(text)
        assert "playlist" in refusal(playlist)


def test_a_fifo_is_no_film(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.mp4")
    assert "not a file" in refusal(tmp_path / "film.mp4")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"Dear reader,\nthis is a letter.\n" * 50, "text file"),
        (bytes(range(256)) * 40, "not a video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "not a video"),
    ],
    ids=["empty", "text", "noise", "picture"],
)
def test_what_is_no_film_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "not a file" in refusal(tmp_path / "nothing.mp4")


@pytest.mark.parametrize("name", ["sound alone", "sound with a cover"])
def test_sound_alone_is_refused(name: str, clip: Clip) -> None:
    assert "no video stream" in refusal(clip(name))


def test_a_film_without_its_index_is_refused(clip: Clip, tmp_path: Path) -> None:
    whole = clip("constant rate").read_bytes()
    path = tmp_path / "film.mp4"
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    assert "FFmpeg" not in refusal(path)


def test_what_has_no_safe_decoder_is_refused_and_not_decoded(clip: Clip, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(clip("constant rate").read_bytes().replace(b"avc1", b"vvc1").replace(b"avcC", b"vvcC"))
    with open_source(film) as source:
        assert source.streams.video[0].codec_context.name == "vvc"
    with pytest.raises(MediaError, match="films in vvc are not read"):
        probe(film)
