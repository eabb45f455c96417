from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vidproc.checks import holes, software
from vidproc.checks.finding import Finding, Level, carried_out, exit_code, ok, problem, warning
from vidproc.media import ffmpeg


def only(findings: object) -> Finding:
    (found,) = findings  # type: ignore[misc]
    assert isinstance(found, Finding)
    return found


def test_an_old_python_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(software.python()).level is Level.OK
    monkeypatch.setattr(sys, "version_info", (3, 10, 9, "final", 0))
    assert only(software.python()).level is Level.PROBLEM


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        ("8.0.2", Level.WARNING, "CVE-2026-8461 (MagicYUV decoder)"),
        ("99.0", Level.OK, holes.WRITTEN),
        ("N-109970-g2eca3a3", Level.WARNING, "unknown"),
    ],
)
def test_what_is_known_of_an_ffmpeg(monkeypatch: pytest.MonkeyPatch, version: str, level: Level, words: str) -> None:
    monkeypatch.setattr(ffmpeg, "VERSION", version)
    found = only(software.ffmpeg())
    assert found.level is level
    assert words in found.said


def test_cascades_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import cv2.data

    assert only(software.cascades()).level is Level.OK
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    assert only(software.cascades()).level is Level.PROBLEM


def test_the_filters_load_and_faces_can_look() -> None:
    assert only(software.filters()).level is Level.OK


def test_a_check_that_fails_is_a_finding() -> None:
    def broken() -> list[Finding]:
        raise ImportError("libfoo.so.1: cannot open\nshared object file")

    found = only(carried_out("wheels", broken))
    assert (found.subject, found.level) == ("wheels", Level.PROBLEM)
    assert "libfoo.so.1: cannot open shared object file" in found.said
    assert "make setup" in found.advice


def test_the_exit_code_is_that_of_what_must_be_mended_here_first() -> None:
    good, far, here = ok("a", "b"), problem("a", "b", "c", 3), problem("a", "b", "c")
    assert exit_code([good, warning("a", "b", "c")]) == 0
    assert exit_code([good, far]) == 3
    assert exit_code([far, here, good]) == 2


def test_packages_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(software.packages()).level is Level.OK
    needed = ["av<19,>=18", "no-such.package>=1", "psycopg[binary]>=3.2; extra == 'postgres'", "another_one (>2)"]
    monkeypatch.setattr(software, "requires", lambda name: needed)
    found = only(software.packages())
    assert found.level is Level.PROBLEM
    assert found.said == "not installed: no-such.package, another_one"
