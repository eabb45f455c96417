"""Sound that the output's container can't carry: the same sound at the same time, in another codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from numpy.typing import NDArray

from tests.media.films import Plan, Sound, make
from tests.media.remake import frames, remake, tracks
from vidproc.media.container import open_source
from vidproc.media.mux import Window

pytestmark = pytest.mark.media

AAC_FRAME = 1024
LATE = Fraction(3, 2)
LOSSLESS = [("wavpack", "s16p"), ("wavpack", "u8p"), ("tta", "s32"), ("pcm_u8", "u8")]
LOSSY = [("pcm_alaw", ".mov"), ("pcm_mulaw", ".mov"), ("ra_144", ".mkv")]


@dataclass(frozen=True)
class Heard:
    """A track of sound as a player gets it: when it begins, and channels by samples, from -1 to 1."""

    codec: str
    rate: int
    begin: Fraction
    samples: NDArray[Any]

    def during(self, start: Fraction, stop: Fraction) -> NDArray[Any]:
        """The samples of [start, stop), seconds of the film."""
        return self.samples[:, round((start - self.begin) * self.rate) : round((stop - self.begin) * self.rate)]

    @property
    def end(self) -> Fraction:
        return self.begin + Fraction(self.samples.shape[1], self.rate)


def heard(path: Path, number: int = 0) -> Heard:
    with open_source(path) as source:
        stream = source.streams.audio[number]
        found = list(source.decode(stream))
        to_float = av.AudioResampler(format="dbl", layout=found[0].layout, rate=stream.rate)
        begin = Fraction(found[0].pts * found[0].time_base)
        blocks = [made.to_ndarray() for frame in [*found, None] for made in to_float.resample(frame)]
        samples = np.concatenate(blocks, axis=1).reshape(-1, found[0].layout.nb_channels).T
        return Heard(stream.codec_context.name, stream.rate, begin, samples)


def transcoded(folder: Path, sound: Sound, suffix: str = ".mkv", **settings: Any) -> tuple[Heard, Heard, list[str]]:
    """The sound of a source, that of the MP4 it becomes, and what is said of it."""
    source = make(folder / f"a{suffix}", Plan(sounds=[sound]))
    losses = remake(source, folder / "b.mp4", **settings)
    return heard(source), heard(folder / "b.mp4"), losses


def psnr(one: NDArray[Any], other: NDArray[Any]) -> float:
    length = min(one.shape[1], other.shape[1])
    return float(10 * np.log10(1 / np.mean((one[:, :length] - other[:, :length]) ** 2)))


@pytest.mark.parametrize("start", [Fraction(0), LATE])
@pytest.mark.parametrize(("codec", "format"), LOSSLESS)
def test_what_was_lossless_keeps_every_sample(tmp_path: Path, codec: str, format: str, start: Fraction) -> None:
    was, now, losses = transcoded(tmp_path, Sound(codec, start=start, format=format))
    assert (now.codec, now.rate, now.begin) == ("alac", 48000, was.begin)
    assert np.array_equal(was.samples, now.samples)
    depth = " with 24 bits a sample" if format == "s32" else ""
    assert losses == [f"audio stream 1 ({codec}) became alac{depth}, as mp4 demands; write to .mkv to keep it"]


@pytest.mark.parametrize("format", ["s32p", "fltp"])
def test_what_no_lossless_codec_takes_is_said_to_have_24_bits(tmp_path: Path, format: str) -> None:
    was, now, losses = transcoded(tmp_path, Sound("wavpack", format=format))
    assert np.abs(was.samples - now.samples).max() < 2**-23
    assert losses[0].startswith("audio stream 1 (wavpack) became alac with 24 bits a sample, as mp4 demands")


@pytest.mark.parametrize("start", [Fraction(0), LATE])
@pytest.mark.parametrize(("codec", "suffix"), LOSSY)
def test_what_was_lossy_sounds_the_same_at_the_same_time(
    tmp_path: Path, codec: str, suffix: str, start: Fraction
) -> None:
    rate = 8000 if codec == "ra_144" else 48000
    was, now, losses = transcoded(tmp_path, Sound(codec, start=start, rate=rate), suffix)
    frame = Fraction(AAC_FRAME, rate)
    assert (now.codec, now.rate) == ("aac", rate)
    assert abs(now.begin - was.begin) <= frame
    assert abs(now.end - was.end) <= frame
    begin, end = max(was.begin, now.begin) + 2 * frame, min(was.end, now.end) - 2 * frame
    assert psnr(was.during(begin, end), now.during(begin, end)) > 35
    assert losses[0].startswith(f"audio stream 1 ({codec}) became aac at 96 kbit/s, as mp4 demands")


@pytest.mark.parametrize(
    ("rate", "layout", "codec"),
    [(192000, "stereo", "alac"), (44100, "5.1", "alac"), (48000, "7.1", "flac"), (22050, "quad", "flac")],
)
def test_rates_and_channels_are_kept(tmp_path: Path, rate: int, layout: str, codec: str) -> None:
    was, now, losses = transcoded(tmp_path, Sound("wavpack", rate=rate, layout=layout))
    assert (now.rate, now.codec) == (rate, codec)
    assert np.array_equal(was.samples, now.samples)
    assert losses == [f"audio stream 1 (wavpack) became {codec}, as mp4 demands; write to .mkv to keep it"]


def test_a_rate_that_is_not_taken_is_said(tmp_path: Path) -> None:
    was, now, losses = transcoded(tmp_path, Sound("pcm_alaw", rate=11000), ".mov")
    assert now.rate == 11025
    assert abs(was.end - now.end) < Fraction(AAC_FRAME, 11000)
    assert losses == ["audio stream 1 (pcm_alaw) became aac at 96 kbit/s, at 11025 Hz, as mp4 demands"]


def test_language_title_and_marks_are_kept(tmp_path: Path) -> None:
    sounds = [
        Sound("wavpack", "fra", disposition=int(Disposition.default)),
        Sound(language="deu", title="Commentary", disposition=int(Disposition.comment)),
        Sound("tta", "eng", disposition=int(Disposition.hearing_impaired)),
    ]
    source = make(tmp_path / "a.mkv", Plan(sounds=sounds))
    losses = remake(source, tmp_path / "b.mp4")
    was, now = tracks(source, "audio"), tracks(tmp_path / "b.mp4", "audio")
    assert [(track.codec, track.language) for track in now] == [("alac", "fra"), ("aac", "deu"), ("alac", "eng")]
    assert now[1].sums == was[1].sums
    assert all(one.disposition & ~other.disposition == 0 for one, other in zip(was, now, strict=True))
    assert ["became" in loss for loss in losses[:2]] == [True, True]


@pytest.mark.parametrize(("codec", "suffix"), [("wavpack", ".mkv"), LOSSY[0]])
def test_the_same_film_twice_is_the_same_file(tmp_path: Path, codec: str, suffix: str) -> None:
    source = make(tmp_path / f"a{suffix}", Plan(sounds=[Sound(codec)]))
    for name in ("one.mp4", "two.mp4"):
        remake(source, tmp_path / name)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_a_window_cuts_at_the_sample(tmp_path: Path) -> None:
    window = Window(Fraction(4, 10), Fraction(9, 10))
    was, now, _ = transcoded(tmp_path, Sound("wavpack"), window=window)
    assert (now.begin, now.end) == (0, Fraction(1, 2))
    assert np.array_equal(was.during(window.start, window.stop), now.samples)


def test_a_gap_is_silence_and_what_follows_it_is_in_step(tmp_path: Path) -> None:
    whole, source = make(tmp_path / "whole.mkv", Plan(sounds=[Sound("pcm_u8")])), tmp_path / "a.mkv"
    changed(whole, source, lambda number, data: b"" if 30 <= number < 50 else data)
    remake(source, tmp_path / "b.mp4")
    was, now = heard(whole), heard(tmp_path / "b.mp4")
    gap = Fraction(30 * 1024, 48000), Fraction(50 * 1024, 48000)
    assert now.begin == was.begin
    assert abs(now.end - was.end) < Fraction(1, 1000)  # to which Matroska rounds
    assert np.array_equal(was.samples[:, : 30 * 1024], now.samples[:, : 30 * 1024])
    assert not now.during(gap[0], gap[1] - Fraction(1, 1000)).any()
    left = was.samples.shape[1] - 50 * 1024
    assert np.array_equal(was.samples[:, -left:], now.samples[:, -left:])


def changed(source: Path, out: Path, change: Callable[[int, bytes], bytes]) -> None:
    """Copies a film with other packets of sound, or none where they are empty."""
    with av.open(str(source)) as original, av.open(str(out), "w") as copy:
        streams = [copy.add_stream_from_template(stream, opaque=True) for stream in original.streams]
        number = -1
        for packet in original.demux():
            made, data = packet, bytes(packet)
            if packet.stream.type == "audio":
                number += 1
                data = change(number, data) if data else b""
                made = av.Packet(data)
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.duration = packet.duration or 0
            if data:
                made.stream = streams[packet.stream.index]
                copy.mux(made)


def test_sound_that_does_not_decode_is_counted(tmp_path: Path) -> None:
    whole, source = make(tmp_path / "whole.mkv", Plan(sounds=[Sound("ra_144", rate=8000)])), tmp_path / "a.mkv"
    changed(whole, source, lambda number, data: b"no sound" if number == 40 else data)
    losses = remake(source, tmp_path / "b.mp4")
    assert losses[-1] == "1 packets of audio stream 1 (ra_144) could not be read"
    assert abs(heard(tmp_path / "b.mp4").end - heard(whole).end) <= Fraction(AAC_FRAME, 8000)


def test_it_lies_beside_the_picture_in_the_file(tmp_path: Path) -> None:
    times = tuple(range(0, 200 * 512, 512))
    source = make(tmp_path / "a.mkv", Plan(times=times, sounds=[Sound("wavpack", seconds=8.0)]))
    remake(source, tmp_path / "b.mp4")
    with open_source(tmp_path / "b.mp4") as out:
        places = sorted((p.pos, float((p.dts or 0) * p.time_base)) for p in out.demux() if p.size)
    assert max(abs(one - other) for (_, one), (_, other) in pairwise(places)) < 1


def test_a_joined_source_goes_on_with_its_second_piece(tmp_path: Path) -> None:
    plan = Plan(sounds=[Sound("pcm_bluray", layout="stereo")], muxer={"mpegts_m2ts_mode": "1"})
    piece, source = make(tmp_path / "piece.ts", plan), tmp_path / "a.ts"
    source.write_bytes(piece.read_bytes() * 2)
    remake(source, tmp_path / "b.mp4")
    was, now = heard(piece), heard(tmp_path / "b.mp4")
    shown = [frame.time for frame in frames(tmp_path / "b.mp4")]
    length = shown[40] - shown[0]
    assert now.begin == was.begin
    for piece_begin in (Fraction(0), length):
        one = was.during(was.begin, was.begin + 1)
        other = now.during(was.begin + piece_begin, was.begin + piece_begin + 1)
        assert np.array_equal(one, other)


def test_a_window_that_ends_before_the_second_piece(tmp_path: Path) -> None:
    plan = Plan(sounds=[Sound("pcm_bluray", layout="stereo")], muxer={"mpegts_m2ts_mode": "1"})
    piece, source = make(tmp_path / "piece.ts", plan), tmp_path / "a.ts"
    source.write_bytes(piece.read_bytes() * 2)
    begin = frames(piece)[0].time
    losses = remake(source, tmp_path / "b.mp4", window=Window(begin, begin + Fraction(1, 2)))
    was, now = heard(piece), heard(tmp_path / "b.mp4")
    assert now.end == Fraction(1, 2)
    assert np.array_equal(now.samples, was.during(begin + now.begin, begin + now.end))
    assert not any("break off" in loss for loss in losses)


def test_sound_that_nothing_decodes_is_said_to_be_lost(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", Plan(sounds=[Sound("wavpack")]))
    source.write_bytes(source.read_bytes().replace(b"A_WAVPACK4", b"A_UNHEARD4"))
    losses = remake(source, tmp_path / "b.mp4")
    assert losses == ["audio stream 1 (unknown codec) cannot be kept in mp4"]
    assert tracks(tmp_path / "b.mp4", "audio") == []


def test_sound_can_be_left_out(tmp_path: Path) -> None:
    source = make(tmp_path / "a.mkv", Plan(sounds=[Sound("wavpack")]))
    assert remake(source, tmp_path / "b.mp4", audio="none") == []
    assert tracks(tmp_path / "b.mp4", "audio") == []
