from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.clips import CLIPS
from vidproc.media import completeness
from vidproc.media.growing import GrowingFile

pytestmark = pytest.mark.media

Clip = Callable[[str], Path]


def missing_bytes(path: Path) -> int:
    size = path.stat().st_size
    with GrowingFile(path, size, size, pytest.fail) as file:
        return completeness.missing_bytes(file)


@pytest.mark.parametrize("name", CLIPS)
def test_whole_films_lack_nothing(name: str, clip: Clip) -> None:
    assert missing_bytes(clip(name)) == 0


@pytest.mark.parametrize("name", ["constant rate", "variable rate", "vp8", "mpeg4 in avi", "ffv1", "prores"])
@pytest.mark.parametrize("cut", [1, 100])
def test_what_is_cut_off_is_missed(name: str, cut: int, clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(clip(name).read_bytes()[:-cut])
    assert missing_bytes(path) == cut


def test_what_lies_behind_what_is_missing_is_not_known_of(clip: Clip, tmp_path: Path) -> None:
    """MP4 says nothing at its beginning of the boxes that follow."""
    path = tmp_path / "film"
    path.write_bytes(clip("constant rate").read_bytes()[:-2000])
    assert 0 < missing_bytes(path) < 2000


@pytest.mark.parametrize("content", [b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x01", b"RIFF", bytes(40)])
def test_scraps_are_no_reason_to_crash(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(content)
    assert missing_bytes(path) >= 0
