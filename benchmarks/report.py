"""Results as text for a terminal, and on docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import chart
from benchmarks.page import Section, filled, goals_table
from benchmarks.results import Measured, Results

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: results -->", "<!-- end: results -->"

_BUSY = 0.2


def text(section: Section) -> str:
    """One section, its goals first."""
    made = filled([goals_table([section]), *section.tables])
    return "\n\n".join([*section.remarks, *(table.text() for table in made)])


def goals_text(results: Results) -> str:
    return goals_table(it.section for it in results.sections.values()).text()


def markdown(results: Results, order: Iterable[str]) -> str:
    """All sections, in this order, below one table of all goals."""
    found = [results.sections[name] for name in order if name in results.sections]
    goals = filled([goals_table(it.section for it in found)])
    parts = [*machines(found), *(table.markdown() for table in goals), *(_section(it.section) for it in found)]
    return "\n\n".join(parts)


def machines(found: Iterable[Measured]) -> list[str]:
    """What the sections were measured on, each machine once, and whether it was idle."""
    return list(dict.fromkeys(said for it in found for said in _machine(it.section.name, it.machine)))


def _machine(section: str, it: dict[str, Any]) -> Iterator[str]:
    versions = ", ".join(f"{name} {said}" for name, said in it["versions"].items() if said)
    yield (
        f"{it['processor']}, {it['cores']} cores used of {it['cores_of_machine']}, {it['memory_gib']} GiB, "
        f"{it['system']}; {versions}. Measured on {it['measured']}, commit {it['commit'] or 'unknown'}."
    )
    if it["load_before"] > _BUSY * it["cores"]:
        yield f"The machine was not idle before `{section}`: its load was {it['load_before']}."


def _section(it: Section) -> str:
    pictures = [f"![{each.heading}](images/{each.name}.svg)" for each in it.charts]
    return "\n\n".join([f"### {it.name}", *it.remarks, *pictures, *(table.markdown() for table in filled(it.tables))])


def write_docs(results: Results, order: Iterable[str], page: Path = PAGE) -> None:
    """Put the tables into the page, in place of what lies between its marks, and the charts beside it.

    Raises `ValueError` if it has no marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for results between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{markdown(results, order)}\n\n{END}{after}", encoding="utf-8")
    for it in results.sections.values():
        chart.write(it.section.charts, page.parent / "images")
