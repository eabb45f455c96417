"""What of a film's shape is refused, and that the words name the setting."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.media.clips import X264, Film, write
from vidproc.errors import MediaError
from vidproc.media.ingest import Ingested, Request, ingest
from vidproc.media.source_limits import SourceLimits

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]


def read(film: Path, folder: Path, limits: SourceLimits, **how: float) -> Ingested:
    return ingest(film, folder / "packets", Request(limits=limits, **how))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (SourceLimits(streams=2), r"3 streams in it; .* up to 2; raise its setting max_streams \(VIDPROC_COORD"),
        (SourceLimits(seconds=1), "the film lasts 1.25 s; .* up to 1 s; raise its setting max_duration"),
        (SourceLimits(packet=1000), r"a packet of \d{4,} bytes; .* up to 1000; raise its setting max_packet"),
    ],
)
def test_more_than_the_limit_is_refused_and_as_much_is_not(
    clip: Clip, tmp_path: Path, limits: SourceLimits, said: str
) -> None:
    film = clip("two languages")
    with pytest.raises(MediaError, match=said):
        read(film, tmp_path, limits)
    assert read(film, tmp_path, SourceLimits(streams=3, seconds=3, packet=10**5)).frames == 30


def test_a_part_of_a_long_film_is_taken(clip: Clip, tmp_path: Path) -> None:
    limits = SourceLimits(seconds=1)
    with pytest.raises(MediaError, match="max_duration"):
        read(clip("constant rate"), tmp_path, limits)
    assert read(clip("constant rate"), tmp_path, limits, start=1.0, duration=0.5).frames == 12


def test_a_header_that_says_nothing_hides_no_years(tmp_path: Path) -> None:
    film = Film(options=X264, times=[0, 1, 90_000_000, 90_000_001], tick=Fraction(1, 1000), count=4)
    write(tmp_path / "film.mkv", film)
    data = (tmp_path / "film.mkv").read_bytes()
    place = data.index(b"\x44\x89\x88")
    (tmp_path / "film.mkv").write_bytes(data[:place] + b"\xec\x89" + data[place + 2 :])  # nothing, of 9 bytes
    with pytest.raises(MediaError, match="lasts 90000 s"):
        read(tmp_path / "film.mkv", tmp_path, SourceLimits(seconds=3600))
