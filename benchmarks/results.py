"""What was measured, kept in a file after each section, so that a measurement that broke off goes on where it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.page import Section


class Measured(Struct, frozen=True):
    """A section, and on what and when it was measured. seconds: how long that took."""

    section: Section
    machine: dict[str, Any]
    seconds: float


class Results(Struct):
    """Sections by name."""

    sections: dict[str, Measured] = {}

    def has(self, name: str, settings: dict[str, Any], machine: dict[str, Any]) -> bool:
        """Whether this section was measured with these settings, commit and versions."""
        it = self.sections.get(name)
        if it is None or it.section.settings != settings:
            return False
        return all(it.machine[what] == machine[what] for what in ("commit", "versions", "processor"))


def load(path: Path) -> Results:
    """What the file has; nothing if there is none, or one of another shape."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except (FileNotFoundError, msgspec.DecodeError):
        return Results()


def save(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    partial.replace(path)
