"""The other tracks of a part of a film, had without reading what lies before it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.media.clips import B_FRAMES, Film, sound, write
from tests.media.remake import remake, tracks
from vidproc.media.film_clock import Window
from vidproc.media.stream_copy import StreamCopy
from vidproc.media.track import Track

pytestmark = pytest.mark.media
SECONDS = 12
WINDOW = Window(Fraction(73, 10), Fraction(9))


def _tracks(out: Any, _: list[Any]) -> list[Any]:
    """Two tracks of sound, and a line of text each second that stays for two thirds of it."""
    packets = sound(out, SECONDS, "eng") + sound(out, SECONDS, "deu")
    text = out.add_mux_stream("mov_text", time_base=Fraction(1, 1000))
    for second in range(SECONDS):
        packets.append(_packet(text, f"line {second}".encode(), 1000 * second, 667))
    return packets


def _packet(stream: Any, text: bytes, pts: int, duration: int) -> Any:
    packet: Any = av.Packet(len(text).to_bytes(2, "big") + text)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = pts
    packet.duration = duration
    return packet


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    write(path, Film(options=B_FRAMES, count=24 * SECONDS, extra=_tracks))
    return path


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the packets of the other tracks that are read."""
    counts, take = [0], Track.take

    def counted(track: Track, packet: Any) -> Any:
        counts[-1] += 1
        return take(track, packet)

    monkeypatch.setattr(Track, "take", counted)
    return counts


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_they_are_the_same_and_fewer_packets_are_read(
    container: str, film: Path, taken: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, whole = tmp_path / f"part.{container}", tmp_path / f"whole.{container}"
    remake(film, part, window=WINDOW)
    taken.append(0)
    monkeypatch.setattr(StreamCopy, "_skip", lambda _: None)
    remake(film, whole, window=WINDOW)
    assert part.read_bytes() == whole.read_bytes()
    assert [len(track.packets) for track in tracks(part, "audio")] == [80, 80]
    assert taken[0] < 0.3 * SECONDS * 2 * 48000 / 1024, "of 1125 and some lines"
    assert taken[1] < 0.8 * SECONDS * 2 * 48000 / 1024, "what lies behind is not read either"
