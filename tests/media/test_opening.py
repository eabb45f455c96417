"""A film that is opened by its header alone is told to be the same film."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.clips import B_FRAMES, CLIPS, Film, sound, write
from tests.media.reading import read
from vidproc.media import container, ingest

pytestmark = pytest.mark.media

LISTED = [name for name, (suffix, _) in CLIPS.items() if suffix in (".mp4", ".mov")]
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}


@pytest.mark.parametrize("name", LISTED)
def test_a_header_tells_as_much(
    name: str, clip: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lightly = read(clip(name), tmp_path)
    monkeypatch.setattr(ingest, "open_lightly", container.open_source)
    assert read(clip(name), tmp_path) == lightly


@pytest.mark.parametrize("with_sound", [False, True])
def test_fragments(with_sound: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.mp4"
    extra = (lambda out, _: sound(out, 2.5)) if with_sound else None
    write(path, Film("mpeg4", 60, options=B_FRAMES, container=FRAGMENTS, extra=extra))
    lightly = read(path, tmp_path)
    monkeypatch.setattr(ingest, "open_lightly", container.open_source)
    assert read(path, tmp_path) == lightly


def test_a_listed_film_is_opened_once(clip: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def counted(path: Path, header_alone: bool = False) -> object:
        opened.append(header_alone)
        return container_open(path, header_alone)

    container_open = container.open_source
    monkeypatch.setattr(container, "open_source", counted)
    container.open_lightly(clip("constant rate")).close()
    container.open_lightly(clip("variable rate")).close()
    assert opened == [True, False]
