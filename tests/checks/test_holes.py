from __future__ import annotations

import pytest

from vidproc.checks.holes import HOLES, Version, holes_of, release

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("8.1.2", (8, 1, 2)),
        ("8.1", (8, 1)),
        ("n7.1.1", (7, 1, 1)),
        ("6.1.1-3ubuntu5", None),
        ("5.1.4-static", (5, 1, 4)),
        ("N-109970-g2eca3a3", None),
        ("git-2026-01-01", None),
        ("", None),
    ],
)
def test_the_version_of_a_release_and_of_nothing_else(said: str, version: Version | None) -> None:
    assert release(said) == version


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ((5, 0, 9), {"CVE-2025-9951", "CVE-2026-40962", "CVE-2026-8461"}),
        ((5, 1), {"CVE-2022-2566", "CVE-2025-9951", "CVE-2026-40962", "CVE-2026-8461"}),
        ((5, 1, 2), {"CVE-2025-9951", "CVE-2026-40962", "CVE-2026-8461"}),
        ((8, 0), {"CVE-2026-40962", "CVE-2026-8461"}),
        ((8, 0, 3), {"CVE-2026-40962"}),
        ((8, 1, 1), {"CVE-2026-8461"}),
        ((8, 1, 2), set()),
        ((8, 1, 3), set()),
        ((9, 0), set()),
        ((9, 0, 2), set()),
        ((9, 1), set()),
    ],
)
def test_each_branch_is_mended_by_itself(version: Version, names: set[str]) -> None:
    assert {each.name for each in holes_of(version)} == names


def test_every_hole_says_who_says_so() -> None:
    assert all(each.source.startswith("https://") and each.fixed for each in HOLES)
