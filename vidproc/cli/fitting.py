"""Tables that fit a terminal: columns that matter less are left out where there is no room for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.text import Text

_GAP = 2
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Column(Generic[_Row]):
    """`cell` writes what the column has of a row. The higher its `rank`, the sooner it is left out; one that is `empty`
    of all is left out anyway. One with `least` columns of the terminal may be shortened to these."""

    title: str
    cell: Callable[[_Row], str | Text]
    rank: int
    right: bool = False
    least: int = 0


def table(columns: Sequence[Column[_Row]], rows: Sequence[_Row], width: int) -> list[Text]:
    """A line of titles and one for each row, none wider than `width`."""
    cells = {column.title: [_text(column.cell(row)) for row in rows] for column in columns}
    there = [column for column in columns if any(cells[column.title])]
    widths = {it.title: max(len(it.title), *(cell.cell_len for cell in cells[it.title])) for it in there}
    kept = _kept(there, widths, width)
    titles = {it.title: Text(it.title, style="bold") for it in kept}
    lines = [titles, *({it.title: cells[it.title][number] for it in kept} for number in range(len(rows)))]
    return [_line(kept, line, widths, width) for line in lines]


def _text(cell: str | Text) -> Text:
    return Text(cell) if isinstance(cell, str) else cell


def _kept(columns: Sequence[Column[_Row]], widths: dict[str, int], width: int) -> list[Column[_Row]]:
    """Those that there is room for; `widths` are theirs then."""
    kept = list(columns)
    least = {it.title: min(it.least or widths[it.title], widths[it.title]) for it in columns}
    while len(kept) > 1 and sum(least[it.title] + _GAP for it in kept) - _GAP > width:
        kept.remove(max(kept, key=lambda it: it.rank))
    over = sum(widths[it.title] + _GAP for it in kept) - _GAP - width
    for it in kept:
        if it.least and over > 0:
            widths[it.title] = max(widths[it.title] - over, it.least)
    return kept


def _line(columns: Sequence[Column[_Row]], cells: dict[str, Text], widths: dict[str, int], width: int) -> Text:
    line = Text()
    for number, it in enumerate(columns):
        cell = cells[it.title].copy()
        cell.truncate(widths[it.title], overflow="ellipsis")
        blank = " " * (widths[it.title] - cell.cell_len)
        line.append(" " * _GAP if number else "")
        line.append_text(Text(blank) + cell if it.right else cell + Text(blank))
    line.rstrip()
    line.truncate(width, overflow="ellipsis")
    return line
