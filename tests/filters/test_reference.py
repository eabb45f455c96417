"""The page about the filters says what the filters say of themselves."""

from __future__ import annotations

from pathlib import Path

from tests.filters.pictures import variants
from vidproc import filters
from vidproc.filters import custom, reference

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"


def test_the_page_is_current() -> None:
    made = "python -m vidproc.filters.reference > docs/filters.md"
    assert PAGE.read_text() == reference.page(), f"make it anew: {made}"


def test_every_filter_and_parameter_is_on_the_page() -> None:
    page = reference.page()
    for name in filters.names():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert all(f"| `{param.name}` |" in section for each in variants(name) for param in each.params)
        assert all(f"### kind={each.kind}\n" in section for each in variants(name) if each.kind)


def test_the_examples_on_the_page_are_filters() -> None:
    examples = reference.page().split("```python\n")[1:]
    declared = [custom.read(example.partition("```")[0]) for example in examples]
    assert [each.window for each in declared] == [(0, 0), (-1, 0), (0, 0), (0, 0)]
    assert [str(each.remembers({})) for each in declared[2:]] == [
        "Remembers what came before, and begins anew every 100 frames.",
        "Remembers all that came before, in one process, where the chain up to it runs in the film's order.",
    ]
    assert declared[1].resolve({"gain": "10"}) == {"gain": 10.0}
