"""The benchmark of faces counts right, and runs on films so small that its figures mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import faces
from benchmarks.clips import Recipe, drawn
from benchmarks.moving_face import Film
from vidproc.filters.tracks import Box

HERE, BESIDE, ELSEWHERE = Box(10, 10, 40, 40), Box(14, 10, 40, 40), Box(100, 10, 40, 40)


def test_what_is_found_and_what_is_false_are_counted() -> None:
    truth = [[HERE], [HERE], [HERE, ELSEWHERE], []]
    found = [[BESIDE], [], [HERE, BESIDE], [ELSEWHERE]]
    counted = faces.score(found, truth, exact=False)
    assert (counted.recall, counted.false) == (0.5, 0.25)


def test_a_box_trembles_unless_it_moves_as_the_face_does() -> None:
    steady = [[Box(5.0 * rank, 10, 40, 40)] for rank in range(9)]
    swinging = [[Box(5.0 * rank + rank % 2, 10, 40, 40)] for rank in range(9)]
    assert faces.score(steady, steady, exact=False).tremble == 0
    assert faces.score(swinging, steady, exact=False).tremble == 0.5  # left and right by 1, top and bottom by 0
    assert faces.score(swinging, swinging, exact=True).tremble == 0
    assert faces.score(steady, swinging, exact=True).tremble == 0.5


def test_what_most_frames_of_all_witnesses_confirm_is_agreed_upon() -> None:
    steady = [[HERE] for _ in range(5)]
    once = [[HERE, ELSEWHERE] if rank == 2 else [HERE] for rank in range(5)]
    assert faces.agreed(once, steady) == steady
    assert faces.agreed(steady, [[]] * 5) == [[]] * 5


@pytest.mark.media
def test_a_table_is_made_of_clips_and_moving_faces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "Film", lambda **how: Film(**how, width=160, height=120))
    assert faces.main([str(drawn(Recipe(1, 192, 108), tmp_path)), "--frames", "9"]) == 0
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3 * (1 + len(faces.PACES))
    slowly = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[3:6]]
    assert [row[1] for row in slowly] == ["Haar, default", "Haar, alt2", "faces"]
    assert slowly[2][4:6] == ["100.0%", "0.0%"]
