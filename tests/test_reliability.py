"""docs/reliability.md says of each fault which test proves what happens then: those tests are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FAULTS, _, _ = (TESTS.parent / "docs" / "reliability.md").read_text().partition("## The simulation")
ROWS = re.findall(r"^\|.*\|$", FAULTS, re.MULTILINE)[2:]


def proofs(row: str) -> Iterator[tuple[str, str]]:
    """Each file of tests with some words of a name in it; none where all of the file is meant."""
    for file, words in re.findall(r"`([\w/]+(?:/|\.py))`([^`]*)", row.split("|")[3]):
        for part in re.split(r"[;,]", re.sub(r"\(.*?\)", "", words)):
            yield file, "_".join(re.findall(r"[a-z0-9]+", part.lower()))


def named(place: Path, words: str) -> bool:
    return re.search(rf"^def test_\w*{words}", place.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_what_is_said_to_prove_it_is_there(row: str) -> None:
    told = list(proofs(row))
    assert told
    for file, words in told:
        assert (TESTS / file).exists()
        assert not words or named(TESTS / file, words), f"no test in {file} is called so: {words}"
