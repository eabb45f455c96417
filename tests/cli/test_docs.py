"""The documents made from the code are current, and the maker can tell when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidproc.cli import docs


def test_the_documents_are_current() -> None:
    assert docs.stale(docs.FOLDER) == [], "run `make docs`"


def test_writes_what_is_missing_or_changed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    assert docs.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert docs.main([]) == 0
    assert docs.stale(tmp_path) == []
    (tmp_path / "filters.md").write_text("old")
    capsys.readouterr()
    assert docs.main([]) == 0
    assert capsys.readouterr().out == "docs/filters.md written\n"
    assert docs.main(["--check"]) == 0


@pytest.mark.parametrize("words", ["`--unix-socket PATH`", "## vidproc-worker", "`--token-file FILE`", "blur"])
def test_the_page_of_options_names_what_people_look_for(words: str) -> None:
    assert words in docs.options_page()


def test_every_row_of_a_table_has_its_two_cells() -> None:
    rows = [line for line in docs.options_page().splitlines() if line.startswith("|")]
    assert all(row.replace("\\|", "").count("|") == 3 for row in rows)
