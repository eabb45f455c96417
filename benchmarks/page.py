"""What a measurement says: sections of tables, charts and goals, as text, as Markdown and as JSON.

All of it is plain data, so that sections measured at different times come together on one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from benchmarks.comparison import Spread

ABSENT = "-"


class Table(Struct, frozen=True):
    """A heading and rows of equal length, of which the first names the columns."""

    heading: str
    rows: list[list[str]]

    def text(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in self.rows
        ]
        return "\n".join([self.heading, *(f"  {line}" for line in lines)])

    def markdown(self) -> str:
        head, *body = self.rows
        ruler = ["---", *["---:"] * (len(head) - 1)]
        return f"**{self.heading}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *body))


class Goal(Struct, frozen=True):
    """What a figure should be, beside what it is: the median of the rounds, and the least and the most of them.

    aim: at least this, or with `at_most` at most this. measured: None if there was nothing to measure it with.
    """

    what: str
    aim: float
    measured: float | None
    least: float | None = None
    most: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured <= self.aim if self.at_most else self.measured >= self.aim


class Bar(Struct, frozen=True):
    """One bar of a chart: of a subject, within a group, with a whisker from `least` to `most`."""

    group: str
    subject: str
    value: float
    least: float
    most: float


class Chart(Struct, frozen=True):
    """Bars, told in `heading`; kept as the file of this name in docs/images."""

    name: str
    heading: str
    unit: str
    bars: list[Bar]


class Section(Struct, frozen=True):
    """One part of a measurement. `data` is what it was made of, for programs. `settings` say how it was measured."""

    name: str
    settings: dict[str, Any]
    remarks: list[str] = []
    goals: list[Goal] = []
    tables: list[Table] = []
    charts: list[Chart] = []
    data: Any = None


def goal(what: str, aim: float, found: Spread | None, at_most: bool = False) -> Goal:
    if found is None:
        return Goal(what, aim, None, at_most=at_most)
    return Goal(what, aim, found.median, found.least, found.most, at_most)


def goals_table(sections: Iterable[Section]) -> Table:
    head = ["what", "aimed at", "measured", "least", "most", "met"]
    return Table("Goals", [head, *(_goal_row(it) for section in sections for it in section.goals)])


def _goal_row(it: Goal) -> list[str]:
    met = {None: ABSENT, True: "yes", False: "no"}[it.met]
    aim = f"{'at most' if it.at_most else 'at least'} {it.aim:g}"
    return [it.what, aim, *(figure(value) for value in (it.measured, it.least, it.most)), met]


def figure(value: float | None) -> str:
    """Three digits that count, or more where they stand before the point."""
    if value is None:
        return ABSENT
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def number(value: float | None, digits: int) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def spread(found: Spread | None, digits: int) -> str:
    """The median; the least and the most behind it, if they differ."""
    if found is None:
        return ABSENT
    median, least, most = (f"{value:.{digits}f}" for value in (found.median, found.least, found.most))
    return median if least == most else f"{median} ({least}-{most})"


def filled(tables: Sequence[Table]) -> list[Table]:
    """Those that have rows beside their head."""
    return [table for table in tables if len(table.rows) > 1]
