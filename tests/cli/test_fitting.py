"""Tables for terminals of any width."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from vidproc.cli.fitting import Column, table

pytestmark = pytest.mark.unit
Row = tuple[str, str, str]
COLUMNS: list[Column[Row]] = [
    Column("NAME", lambda it: it[0], 0, least=6),
    Column("COUNT", lambda it: it[1], 1, right=True),
    Column("NOTE", lambda it: it[2], 2),
]
ROWS: list[Row] = [("a film with a long name", "7", "good"), ("b", "12345", "bad")]


def drawn(width: int, rows: list[Row] = ROWS) -> list[str]:
    return [line.plain for line in table(COLUMNS, rows, width)]


def test_where_there_is_room_all_is_shown() -> None:
    assert drawn(40) == [
        "NAME                     COUNT  NOTE",
        "a film with a long name      7  good",
        "b                        12345  bad",
    ]


def test_long_texts_are_shortened_first() -> None:
    assert drawn(24) == ["NAME         COUNT  NOTE", "a film wit…      7  good", "b            12345  bad"]


def test_then_what_matters_least_is_left_out() -> None:
    assert drawn(18) == ["NAME         COUNT", "a film wit…      7", "b            12345"]
    assert drawn(12) == ["NAME", "a film with…", "b"]


def test_a_column_of_nothing_is_left_out_anyway() -> None:
    assert drawn(40, [("a", "", "good")]) == ["NAME  NOTE", "a     good"]


def test_wide_characters_count_for_two() -> None:
    assert drawn(19, [("旅行の思い出の映画", "1", "")]) == ["NAME          COUNT", "旅行の思い …      1"]


@pytest.mark.parametrize("width", range(1, 50))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert all(cell_len(line) <= width for line in drawn(width, [*ROWS, ("旅行の思い出の映画", "1", "")]))
