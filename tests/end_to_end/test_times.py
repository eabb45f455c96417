"""What a filter is told of when a frame is shown is when the result shows it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

import vidproc
from tests.end_to_end.programs import Cluster, sha256
from tests.filters.applying import applied, same
from tests.media import clips
from vidproc.filters.contract import Picture
from vidproc.media.pictures import to_picture

pytestmark = pytest.mark.process
FILTER = "text:text={time},size=8,position=left"


def frames(path: Path) -> list[tuple[Fraction, Picture]]:
    """When each is shown, and what."""
    with av.open(str(path)) as film:
        shown = [(frame.pts * frame.time_base, to_picture(frame)) for frame in film.decode(video=0)]
    return [(time, Picture(it.format, tuple(plane.copy() for plane in it.planes))) for time, it in shown]


def labelled(picture: Picture, time: Fraction) -> Picture:
    return applied("text", picture, time=time, text="{time}", size=8, position="left")


@pytest.mark.parametrize(
    ("clip", "part"),
    [
        ("variable rate", {}),
        ("variable rate", {"start": 0.4}),
        ("start offset", {}),
        ("joined", {}),
        ("start offset", {"start": 0.3, "duration": 0.6}),
        ("h264 in avi", {}),
    ],
    ids=str,
)
def test_the_time_on_a_frame_is_its_time(films: Path, tmp_path: Path, clip: str, part: dict[str, float]) -> None:
    film = clips.make(clip, films)
    for name, filter_ in (("plain", "adjust"), ("timed", FILTER)):
        vidproc.process(film, tmp_path / f"{name}.mkv", filter_, codec="ffv1", processes=2, **part)
    plain, timed = frames(tmp_path / "plain.mkv"), frames(tmp_path / "timed.mkv")
    assert [time for time, _ in plain] == [time for time, _ in timed]
    for (time, before), (_, after) in zip(plain, timed, strict=True):
        assert same(labelled(before, time), after), time
        assert not same(labelled(before, time + Fraction(1, 1000)), after), "what is asserted could not be seen"


def test_daemons_write_the_same_times(shared: Cluster, films: Path, tmp_path: Path) -> None:
    film = clips.make("variable rate", films)
    outcome = shared.send(film, tmp_path / "cluster.mp4", "--filter", FILTER)
    assert outcome.code == 0, outcome.err
    vidproc.process(film, tmp_path / "here.mp4", FILTER, processes=1)
    assert sha256(tmp_path / "cluster.mp4") == sha256(tmp_path / "here.mp4")
